using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Devices.Chipset;
using Rhea.Devices.Input;
using Rhea.Devices.Serial;
using Rhea.X86.Apic;
using Xunit;

namespace Rhea.Tests.Devices;

/// <summary>The fields of each chip's section, in order, as QEMU 7.2.22 describes them for pc-i440fx-7.2: path, type and bytes.</summary>
public class ChipSectionTests
{
    private const string LocalApic = """
        apicbase:uint32:4 id:uint8:1 arb_id:uint8:1 tpr:uint8:1 spurious_vec:uint32:4 log_dest:uint8:1 dest_mode:uint8:1
        isr:uint32:32 tmr:uint32:32 irr:uint32:32 lvt:uint32:24 esr:uint32:4 icr:uint32:8 divide_conf:uint32:4
        count_shift:int32:4 initial_count:uint32:4 initial_count_load_time:int64:8 next_time:int64:8 timer_expiry:int64:8
        """;

    private const string Dma = """
        command:uint8:1 mask:uint8:1 flip_flop:uint8:1 dshift:int32:4 regs[0].now:int32:8 regs[0].base:uint16:4
        regs[0].mode:uint8:1 regs[0].page:uint8:1 regs[0].pageh:uint8:1 regs[0].dack:uint8:1 regs[0].eop:uint8:1
        regs[1].now:int32:8 regs[1].base:uint16:4 regs[1].mode:uint8:1 regs[1].page:uint8:1 regs[1].pageh:uint8:1
        regs[1].dack:uint8:1 regs[1].eop:uint8:1 regs[2].now:int32:8 regs[2].base:uint16:4 regs[2].mode:uint8:1
        regs[2].page:uint8:1 regs[2].pageh:uint8:1 regs[2].dack:uint8:1 regs[2].eop:uint8:1 regs[3].now:int32:8
        regs[3].base:uint16:4 regs[3].mode:uint8:1 regs[3].page:uint8:1 regs[3].pageh:uint8:1 regs[3].dack:uint8:1
        regs[3].eop:uint8:1
        """;

    private const string IoApic = """
        id:uint8:1 ioregsel:uint8:1 unused:unused_buffer:8 irr:uint32:4 ioredtbl:uint64:192
        """;

    private const string Hpet = """
        config:uint64:8 isr:uint64:8 hpet_counter:uint64:8 num_timers:uint8:1 timer[0].tn:uint8:1 timer[0].config:uint64:8
        timer[0].cmp:uint64:8 timer[0].fsb:uint64:8 timer[0].period:uint64:8 timer[0].wrap_flag:uint8:1
        timer[0].qemu_timer:timer:8 timer[1].tn:uint8:1 timer[1].config:uint64:8 timer[1].cmp:uint64:8 timer[1].fsb:uint64:8
        timer[1].period:uint64:8 timer[1].wrap_flag:uint8:1 timer[1].qemu_timer:timer:8 timer[2].tn:uint8:1
        timer[2].config:uint64:8 timer[2].cmp:uint64:8 timer[2].fsb:uint64:8 timer[2].period:uint64:8 timer[2].wrap_flag:uint8:1
        timer[2].qemu_timer:timer:8
        """;

    private const string Pit = """
        channels[0].irq_disabled:uint32:4 channels[0].count:int32:4 channels[0].latched_count:uint16:2
        channels[0].count_latched:uint8:1 channels[0].status_latched:uint8:1 channels[0].status:uint8:1
        channels[0].read_state:uint8:1 channels[0].write_state:uint8:1 channels[0].write_latch:uint8:1
        channels[0].rw_mode:uint8:1 channels[0].mode:uint8:1 channels[0].bcd:uint8:1 channels[0].gate:uint8:1
        channels[0].count_load_time:int64:8 channels[0].next_transition_time:int64:8 channels[1].count:int32:4
        channels[1].latched_count:uint16:2 channels[1].count_latched:uint8:1 channels[1].status_latched:uint8:1
        channels[1].status:uint8:1 channels[1].read_state:uint8:1 channels[1].write_state:uint8:1
        channels[1].write_latch:uint8:1 channels[1].rw_mode:uint8:1 channels[1].mode:uint8:1 channels[1].bcd:uint8:1
        channels[1].gate:uint8:1 channels[1].count_load_time:int64:8 channels[1].next_transition_time:int64:8
        channels[2].count:int32:4 channels[2].latched_count:uint16:2 channels[2].count_latched:uint8:1
        channels[2].status_latched:uint8:1 channels[2].status:uint8:1 channels[2].read_state:uint8:1
        channels[2].write_state:uint8:1 channels[2].write_latch:uint8:1 channels[2].rw_mode:uint8:1 channels[2].mode:uint8:1
        channels[2].bcd:uint8:1 channels[2].gate:uint8:1 channels[2].count_load_time:int64:8
        channels[2].next_transition_time:int64:8 channels[0].next_transition_time:int64:8
        """;

    private const string Speaker = """
        data_on:uint8:1 dummy_refresh_clock:uint8:1
        """;

    private const string Serial = """
        state.divider:uint16:2 state.rbr:uint8:1 state.ier:uint8:1 state.iir:uint8:1 state.lcr:uint8:1 state.mcr:uint8:1
        state.lsr:uint8:1 state.msr:uint8:1 state.scr:uint8:1 state.fcr_vmstate:uint8:1
        """;

    private const string Keyboard = """
        parent_obj.write_cmd:int32:4 parent_obj.queue.rptr:int32:4 parent_obj.queue.wptr:int32:4 parent_obj.queue.count:int32:4
        parent_obj.queue.data:buffer:256 scan_enabled:int32:4 translate:int32:4 scancode_set:int32:4
        """;

    private const string Mouse = """
        parent_obj.write_cmd:int32:4 parent_obj.queue.rptr:int32:4 parent_obj.queue.wptr:int32:4 parent_obj.queue.count:int32:4
        parent_obj.queue.data:buffer:256 mouse_status:uint8:1 mouse_resolution:uint8:1 mouse_sample_rate:uint8:1
        mouse_wrap:uint8:1 mouse_type:uint8:1 mouse_detect_state:uint8:1 mouse_dx:int32:4 mouse_dy:int32:4 mouse_dz:int32:4
        mouse_buttons:uint8:1
        """;

    private const string Controller = """
        kbd.write_cmd:uint8:1 kbd.status:uint8:1 kbd.mode:uint8:1 kbd.pending_tmp:uint8:1 kbd.migration_flags:uint32:4
        kbd.obsrc:uint32:4 kbd.obdata:uint8:1 kbd.cbdata:uint8:1
        """;

    private const string Port92 = """
        outport:uint8:1
        """;

    private const string Vapic = """
        rom_state.unused:unused_buffer:8 rom_state.vaddr:uint32:4 rom_state.fixup_start:uint32:4 rom_state.fixup_end:uint32:4
        rom_state.vapic_vaddr:uint32:4 rom_state.vapic_size:uint32:4 rom_state.vcpu_shift:uint32:4
        rom_state.real_tpr_addr:uint32:4 rom_state.up.set_tpr:uint32:4 rom_state.up.set_tpr_eax:uint32:4
        rom_state.up.get_tpr:uint32:32 rom_state.up.get_tpr_stack:uint32:4 rom_state.mp.set_tpr:uint32:4
        rom_state.mp.set_tpr_eax:uint32:4 rom_state.mp.get_tpr:uint32:32 rom_state.mp.get_tpr_stack:uint32:4 state:uint32:4
        real_tpr_addr:uint32:4 rom_state_vaddr:uint32:4 vapic_paddr:uint32:4 rom_state_paddr:uint32:4
        """;

    private readonly PcBench _pc = new();

    public static TheoryData<string, string> Sections => new()
    {
        { "apic", LocalApic },
        { "dma", Dma },
        { "kvm-tpr-opt", Vapic },
        { "ioapic", IoApic },
        { "hpet", Hpet },
        { "i8254", Pit },
        { "pcspk", Speaker },
        { "serial", Serial },
        { "ps2kbd", Keyboard },
        { "ps2mouse", Mouse },
        { "pckbd", Controller },
        { "port92", Port92 },
    };

    [Theory, MemberData(nameof(Sections))]
    public void A_section_has_qemus_fields(string name, string fields)
    {
        Device chip = Plug(name);
        chip.Reset();
        chip.Saving();

        IEnumerable<string> own = StateTree.Of(chip, chip.Section!.Version).Select(value => $"{value.Path}:{value.Type}:{value.Hex.Length / 2}");

        Assert.Equal(name, chip.Section.Name);
        Assert.Equal(fields.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), own);
    }

    private Device Plug(string name) => name switch
    {
        "apic" => new LocalApic(_pc.IsaSlot(), new(0, 0), new ApicBus(() => -1), hasX2: false),
        "ioapic" => new IoApic(_pc.IsaSlot(), new(), (_, _) => { }),
        "i8254" => new I8254(_pc.IsaSlot(), new()),
        "pcspk" => new PcSpeaker(_pc.IsaSlot(), new I8254(_pc.IsaSlot(), new())),
        "dma" => new I8237(_pc.IsaSlot(), new GuestMemory(_pc.Memory), second: false),
        "hpet" => new Hpet(_pc.IsaSlot(), new(), [], null, null),
        "serial" => new IsaSerial(_pc.IsaSlot(), new()),
        "ps2kbd" => new Ps2Keyboard(),
        "ps2mouse" => new Ps2Mouse(),
        "pckbd" => new I8042(_pc.IsaSlot(), new(), new(), _ => { }, () => { }),
        "kvm-tpr-opt" => new KvmVapic(),
        "port92" => new Port92(_pc.IsaSlot(), _ => { }, () => { }),
        _ => throw new ArgumentException(name),
    };
}

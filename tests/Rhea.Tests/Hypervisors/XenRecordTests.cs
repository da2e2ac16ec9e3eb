using Rhea.Core.Cpu;
using Rhea.Hypervisors.Xen;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>Xen's records of processors and chips become canonical registers and come back the same.</summary>
public class XenRecordTests
{
    private const long Now = 5_000_000_000;

    /// <summary>Offsets and encodings are those of Xen 4.17's public headers.</summary>
    [Fact]
    public void A_processors_registers_are_where_xen_has_them()
    {
        var registers = new CpuRegisters(0);
        registers.Reset(0x663);
        var record = new byte[XenRegisters.CpuLength];

        XenRegisters.Store(in registers.State, record);

        Assert.Equal(1032, record.Length);
        Assert.Equal(0x663u, BitConverter.ToUInt32(record, 536)); // RDX
        Assert.Equal(0xFFF0UL, BitConverter.ToUInt64(record, 640));
        Assert.Equal(0x6000_0010UL, BitConverter.ToUInt64(record, 656));
        Assert.Equal(0xF000u, BitConverter.ToUInt32(record, 736));
        Assert.Equal(0xFFFFu, BitConverter.ToUInt32(record, 804)); // GDTR's limit
        Assert.Equal(0xFFFF_0000UL, BitConverter.ToUInt64(record, 808));
        Assert.Equal((0x9Bu, 0x93u, 0x8Bu, 0x82u), (BitConverter.ToUInt32(record, 888), BitConverter.ToUInt32(record, 892), BitConverter.ToUInt32(record, 912), BitConverter.ToUInt32(record, 916)));
        Assert.Equal(1u, BitConverter.ToUInt32(record, 1024));
    }

    [Fact]
    public void A_processors_registers_come_back()
    {
        CpuState from = default, to = default;
        for (var i = 0; i < 16; i++)
        {
            from.General[i] = 0x100 + (ulong)i;
            from.Vector[i][0] = (ulong)i;
            from.Vector[i][1] = ~(ulong)i;
        }

        for (var i = 0; i < 6; i++) from.Segments[i] = new Segment { Selector = (ushort)(8 * i), Base = 0x1000 * (ulong)i, Limit = 0xFFFFF000 + (uint)i, Flags = 0x00C0_9300 | (uint)i << 13 };
        (from.Rip, from.Rflags, from.Cr0, from.Cr2, from.Cr3, from.Cr4, from.Efer) = (1, 2, 3, 4, 5, 6, 7);
        (from.Tr, from.Ldtr) = (new Segment { Selector = 0x40, Base = 1, Limit = 2, Flags = 0x8B00 }, new Segment { Flags = 0x8200 });
        (from.Gdtr, from.Idtr) = (new Segment { Base = 8, Limit = 9 }, new Segment { Base = 10, Limit = 11 });
        (from.SysenterCs, from.SysenterEsp, from.SysenterEip, from.KernelGsBase) = (12, 13, 14, 15);
        (from.Lstar, from.Star, from.Cstar, from.Fmask, from.TscAux, from.Tsc) = (16, 17, 18, 19, 20, 21);
        (from.FpuControl, from.FpuStatus, from.FpuEmpty, from.Mxcsr, from.XstateBv) = (0x37F, 0x3800, 0xFE, 0x1F80, 3);
        for (var i = 0; i < 8; i++) from.Debug[i] = i is 4 or 5 ? 0 : 0x30u + (ulong)i;
        from.X87[7] = new X87Register { Significand = 1UL << 63, SignExponent = 0x3FFF };
        from.Injected = new InjectedEvents { Exception = true, ExceptionVector = 14, ExceptionHasErrorCode = true, ExceptionErrorCode = 2 };
        var record = new byte[XenRegisters.CpuLength];

        XenRegisters.Store(in from, record);
        XenRegisters.Fetch(record, ref to);

        Assert.Equal(Bytes(from), Bytes(to));
        Assert.Equal(0x8000_0B0Eu, BitConverter.ToUInt32(record, 1016));
    }

    [Theory]
    [InlineData(0x8000_0230u & ~0x300u | 0x30u, true, 0x30, false)]
    [InlineData(0x8000_0480u, true, 0x80, true)]
    [InlineData(0x0000_0030u, false, 0, false)]
    public void An_interrupt_on_its_way_in_is_known(uint pending, bool interrupt, byte vector, bool soft)
    {
        var record = new byte[XenRegisters.CpuLength];
        BitConverter.TryWriteBytes(record.AsSpan(1016), pending);
        CpuState state = default;

        XenRegisters.Fetch(record, ref state);

        Assert.Equal((interrupt, vector, soft), (state.Injected.Interrupt, state.Injected.InterruptVector, state.Injected.InterruptIsSoft));
    }

    [Fact]
    public void Memory_types_come_back_and_what_the_processor_can_stays()
    {
        CpuState from = default, to = default;
        (from.Pat, from.MtrrDefaultType) = (0x0007_0406_0007_0406, 0xC06);
        for (var i = 0; i < 8; i++) from.MtrrVariable[i] = new MtrrRange { Base = (ulong)i, Mask = 0x800 + (ulong)i };
        for (var i = 0; i < 11; i++) from.MtrrFixed[i] = 0x0606_0606_0606_0600 + (ulong)i;
        var record = new byte[XenRegisters.MtrrLength];
        record[224] = 8;

        XenRegisters.StoreMtrr(in from, record);
        XenRegisters.FetchMtrr(record, ref to);

        Assert.Equal(Bytes(from), Bytes(to));
        Assert.Equal((0xC06u, 8), (BitConverter.ToUInt32(record, 232), record[224]));
    }

    [Fact]
    public void Upper_halves_of_vectors_come_back()
    {
        CpuState from = default, to = default;
        (from.Xcr0, from.XstateBv, from.FpuControl, from.FpuEmpty) = (7, 7, 0x37F, 0xFF);
        for (var i = 0; i < 16; i++)
            for (var quad = 0; quad < 4; quad++) from.Vector[i][quad] = (ulong)((i * 4) + quad);
        var record = new byte[XenRegisters.XsaveLength];

        XenRegisters.StoreXsave(in from, record);
        XenRegisters.FetchXsave(record, ref to);

        Assert.Equal(856, record.Length);
        Assert.Equal(Bytes(from), Bytes(to));
    }

    [Fact]
    public void A_pic_comes_back()
    {
        var from = new I8259Registers(1)
        {
            LastRequest = 0x41,
            Request = 2,
            Mask = 3,
            InService = 4,
            HighestPriority = 5,
            VectorBase = 0x70,
            ReadInService = 1,
            Poll = 1,
            SpecialMask = 1,
            InitStep = 2,
            AutoEoi = 1,
            RotateOnAutoEoi = 1,
            SpecialFullyNested = 1,
            Icw4Wanted = 1,
            Single = 1,
            LevelTriggered = 0x0C,
        };
        var to = new I8259Registers(1);
        var record = new byte[XenChips.PicLength];

        XenChips.Store(from, record);
        XenChips.Fetch(record, 0x4100, to);

        Assert.Equivalent(from, to);
    }

    /// <summary>As Linux left them in Xen 4.17.</summary>
    [Fact]
    public void A_pic_of_linux_reads_as_it_should()
    {
        var master = new I8259Registers(0);

        XenChips.Fetch(Convert.FromHexString("11FB003000440400"), 0x11, master);

        Assert.Equal((0x11, 0xFB, 0x30, 0x11, 1, 4), (master.Request, master.Mask, master.VectorBase, master.LastRequest, master.SpecialMask + 1, master.LevelTriggered));
    }

    [Fact]
    public void An_io_apic_comes_back_and_pins_beyond_a_pcs_are_masked()
    {
        var from = new IoApicRegisters { Id = 2, Select = 0x10 };
        for (var i = 0; i < IoApicRegisters.Pins; i++) from.Redirection[i] = (ulong)i << 56 | 0x31 + (ulong)i;
        var to = new IoApicRegisters();
        var record = new byte[XenChips.IoApicLength];

        XenChips.Store(from, record);
        XenChips.Fetch(record, to);

        Assert.Equivalent(from, to);
        Assert.Equal(0x1_0000UL, BitConverter.ToUInt64(record, 16 + (47 * 8)));
    }

    [Fact]
    public void A_local_apic_comes_back()
    {
        var from = new LocalApicRegisters(0, 0);
        from.Reset();
        (from.SpuriousVector, from.TaskPriority, from.LogicalDestination, from.DivideConfiguration, from.CountShift) = (0x1FF, 0x20, 1, 3, 4);
        (from.InterruptCommand[0], from.InterruptCommand[1], from.ErrorStatus) = (0xC4500, 0x0100_0000, 0x40);
        (from.InService[1], from.TriggerMode[2], from.Request[3]) = (1, 2, 3);
        (from.LocalVectors[0], from.InitialCount, from.InitialCountLoadTime, from.NextTime, from.TimerExpiry) = (0x2_0030, 1000, Now, Now + 16_000, Now + 16_000);
        var to = new LocalApicRegisters(0, 0);
        to.Reset();
        byte[] hidden = new byte[XenLocalApic.Length], page = new byte[XenLocalApic.PageLength];

        XenLocalApic.Store(from, Now, hidden, page);
        XenLocalApic.Fetch(hidden, page, Now, to);

        Assert.Equivalent(from, to);
    }

    /// <summary>Xen starts each timer with its initial count.</summary>
    [Theory]
    [InlineData(0, 700)]
    [InlineData(0x2_0000, 1000)] // one that repeats begins its period anew
    public void A_local_apics_timer_that_counts_down_once_goes_on(uint mode, uint count)
    {
        var from = new LocalApicRegisters(0, 0);
        from.Reset();
        (from.LocalVectors[0], from.InitialCount, from.CountShift, from.InitialCountLoadTime) = (mode | 0x30, 1000, 4, Now - (300 * 16));
        byte[] hidden = new byte[XenLocalApic.Length], page = new byte[XenLocalApic.PageLength];

        XenLocalApic.Store(from, Now, hidden, page);

        Assert.Equal(count, BitConverter.ToUInt32(page, 0x380));
    }

    [Theory]
    [InlineData(0, 50_000, 8_068)] // 41,932 of them have passed
    [InlineData(4, 50_000, 8_068)]
    [InlineData(2, 50_000, 50_000)]
    [InlineData(0, 1_000, 1_000)] // it has ended
    public void A_counter_that_counts_down_once_goes_on(byte mode, int count, int left)
    {
        var from = new I8254Registers();
        from.Reset();
        from.Channels[0] = new I8254Channel { Count = count, Mode = mode, Gate = 1, CountLoadTime = Now - 35_143_100 };
        var record = new byte[XenChips.PitLength];

        XenChips.Store(from, Now, record);

        Assert.Equal(left, BitConverter.ToInt32(record));
    }

    [Fact]
    public void An_nmi_is_an_event_of_its_own_kind()
    {
        var record = new byte[XenRegisters.CpuLength];
        CpuState state = default;

        Assert.False(XenRegisters.HasEvent(record));
        XenRegisters.StoreNmi(record);
        XenRegisters.Fetch(record, ref state);

        Assert.Equal(0x8000_0202u, BitConverter.ToUInt32(record, 1016));
        Assert.True(XenRegisters.HasEvent(record));
        Assert.True(state.Injected.Nmi);
    }

    /// <summary>Else no interrupt of the 8259's would reach the firmware.</summary>
    [Fact]
    public void A_local_apic_that_is_not_enabled_yet_lets_the_8259_through_in_xen()
    {
        LocalApicRegisters from = new(0, 0), to = new(0, 0);
        from.Reset();
        byte[] hidden = new byte[XenLocalApic.Length], page = new byte[XenLocalApic.PageLength];

        XenLocalApic.Store(from, Now, hidden, page);
        XenLocalApic.Fetch(hidden, page, Now, to);

        Assert.Equal(0x700u, BitConverter.ToUInt32(page, 0x350));
        Assert.Equal(0x1_0000u, to.LocalVectors[3]);
    }

    [Fact]
    public void A_timer_comes_back_and_begins_its_periods_now()
    {
        var from = new I8254Registers();
        from.Reset();
        from.Channels[2] = new I8254Channel
        {
            Count = 0x2E9B,
            LatchedCount = 7,
            CountLatched = 3,
            StatusLatched = 1,
            Status = 0x36,
            ReadState = 3,
            WriteState = 4,
            WriteLatch = 5,
            RwMode = 3,
            Mode = 2,
            Gate = 1,
        };
        var to = new I8254Registers();
        var record = new byte[XenChips.PitLength];

        XenChips.Store(from, Now, record);
        XenChips.Fetch(record, Now, to);

        Assert.Equal((0x2E9B, 7, 3, 1, 0x36), (to.Channels[2].Count, to.Channels[2].LatchedCount, to.Channels[2].CountLatched, to.Channels[2].StatusLatched, to.Channels[2].Status));
        Assert.Equal((3, 4, 5, 3, 2, 1), (to.Channels[2].ReadState, to.Channels[2].WriteState, to.Channels[2].WriteLatch, to.Channels[2].RwMode, to.Channels[2].Mode, to.Channels[2].Gate));
        Assert.Equal((0x1_0000, Now, Now), (to.Channels[0].Count, to.Channels[0].CountLoadTime, to.Channels[0].NextTransition));
    }

    [Fact]
    public void A_stream_is_taken_apart_and_what_was_changed_goes_back()
    {
        byte[] stream = [.. Record(1, 0, 24), .. Record(2, 0, 1032), .. Record(2, 1, 1032), .. Record(10, 0, 56), .. Record(0, 0, 0)];
        var context = new XenContext(stream);

        Assert.Equal(4, context.Count);
        Assert.Null(context.Changes());
        Assert.True(context.Find(XenRecord.Hpet).IsEmpty);
        context.Change(XenRecord.Cpu, 1, 1032)[0] = 9;
        byte[] changes = context.Changes()!;
        Assert.Equal(8 + 24 + 8 + 1032 + 8, changes.Length);
        Assert.Equal((2, 1, 9), (changes[32], changes[34], changes[40]));

        context.Change(XenRecord.Header, 0, 24)[20] = 7;
        Assert.Equal(8 + 24 + 8, context.Changes()!.Length); // the head is there once
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(32)]
    [InlineData(60)]
    public void A_stream_that_is_not_whole_is_refused(int length)
    {
        byte[] stream = [.. Record(1, 0, 24), .. Record(10, 0, 56), .. Record(0, 0, 0)];

        Assert.Throws<InvalidDataException>(() => new XenContext(stream.AsSpan(0, length)));
    }

    [Fact]
    public void Each_version_of_the_interface_has_its_layout()
    {
        Assert.Equal([(0x15u, 56), (0x16u, 56), (0x17u, 60)], XenInterface.All.Select(known => (known.Version, known.EmulationFlags)));
        Assert.Contains("4.17, 4.18, 4.19 to 4.21", XenHost.ExplainVersion(4 << 16 | 22), StringComparison.Ordinal);
        Assert.StartsWith("Xen 4.22 ", XenHost.ExplainVersion(4 << 16 | 22), StringComparison.Ordinal);
    }

    private static byte[] Record(ushort type, ushort instance, int length) =>
        [(byte)type, 0, (byte)instance, 0, .. BitConverter.GetBytes(length), .. new byte[length]];

    private static byte[] Bytes(in CpuState state)
    {
        CpuState copy = state;
        return System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<CpuState>(ref copy)).ToArray();
    }
}

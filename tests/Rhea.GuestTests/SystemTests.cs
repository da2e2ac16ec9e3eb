using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>What the processor does for operating systems, here and in Debian's QEMU: the same guest, which prints all it sees.</summary>
public class SystemTests
{
    private const uint FarPointer = 0x580;

    /// <summary>A descriptor of every type, present and not, for every privilege: its access byte is its number.</summary>
    private static readonly ulong[] EveryAccess = [.. Enumerable.Range(0, 256).Select(access => IsGate(access)
        ? (ulong)access << 40 | (ulong)SystemCode.Code << 16 | SystemCode.Landing
        : IsTask(access) ? (ulong)access << 40 // which is too short to switch to
        : 0x00CF_0000_0000_FFFF | (ulong)access << 40)];

    [Fact]
    public async Task Segment_registers_take_what_they_may() => await AgreesWithQemu(ForEachSelector(system =>
    {
        system.Try(code => LoadSegment(code, ds, SystemCode.Data));
        system.Try(code => LoadSegment(code, fs, SystemCode.Data));
        system.Try(code => LoadSegment(code, ss, SystemCode.Data));
        system.TryAsUser(code => LoadSegment(code, es, SystemCode.UserData));
        system.TryAsUser(code => LoadSegment(code, ss, SystemCode.UserData));
    }));

    [Fact]
    public async Task System_registers_take_what_they_may() => await AgreesWithQemu(ForEachSelector(system =>
    {
        system.Try(code => code.lldt(__word_ptr[SystemCode.Selector]));
        system.Try(code => code.ltr(__word_ptr[SystemCode.Selector]));
        system.Assembler.and(__byte_ptr[SystemCode.Gdt + SystemCode.TaskState + 5], 0xFD); // not busy
        system.Assembler.mov(eax, SystemCode.TaskState);
        system.Assembler.ltr(ax);
        system.TryAsUser(code => code.lldt(__word_ptr[SystemCode.Selector]));
    }));

    [Fact]
    public async Task Descriptors_are_verified_and_read() => await AgreesWithQemu(ForEachSelector(system =>
    {
        Action<Assembler>[] attempts = [code => code.verr(__word_ptr[SystemCode.Selector]), code => code.verw(__word_ptr[SystemCode.Selector]),
            code => code.lar(eax, __word_ptr[SystemCode.Selector]), code => code.lsl(eax, __word_ptr[SystemCode.Selector])];
        foreach (Action<Assembler> attempt in attempts)
        {
            void WithZero(Assembler code)
            {
                attempt(code);
                code.setz(cl);
                code.shl(eax, 1);
                code.or(al, cl);
            }

            system.Try(WithZero);
            system.TryAsUser(WithZero);
        }
    }));

    [Fact]
    public async Task Far_transfers_go_where_they_may() => await AgreesWithQemu(ForEachSelector(system =>
    {
        system.Assembler.mov(__dword_ptr[FarPointer], SystemCode.Landing);
        system.Assembler.mov(eax, __dword_ptr[SystemCode.Selector]);
        system.Assembler.mov(__dword_ptr[FarPointer + 4], eax);
        Action<Assembler>[] attempts = [code => code.jmp(__fword_ptr[FarPointer]), code => code.call(__fword_ptr[FarPointer]), FarReturn, InterruptReturn];
        foreach (Action<Assembler> attempt in attempts)
        {
            system.Try(attempt);
            system.TryAsUser(attempt);
        }
    }));

    /// <summary>Every type of gate, with every privilege, to code of more, equal and less privilege, to a conforming segment, to data and to nothing.</summary>
    [Fact]
    public async Task Interrupts_go_through_the_gates_they_may()
    {
        const uint gate = SystemCode.Idt + (0x90 * 8);
        var system = new SystemCode(0x00CF_9E00_0000_FFFF, 0x00CF_FE00_0000_FFFF, 0x00CF_1A00_0000_FFFF);
        foreach (ushort selector in (ushort[])[SystemCode.Code, SystemCode.UserCode, SystemCode.FirstOfTest, SystemCode.FirstOfTest + 8, SystemCode.FirstOfTest + 16, SystemCode.Data, 0, 0x7FF8])
        {
            system.For(SystemCode.Entry, 0, 256, 1, () =>
            {
                Assembler code = system.Assembler;
                code.mov(__dword_ptr[gate], (int)SystemCode.Landing | selector << 16);
                code.mov(eax, __dword_ptr[SystemCode.Entry]);
                code.shl(eax, 8);
                code.mov(__dword_ptr[gate + 4], eax);
                system.Print("\n");
                system.PrintVariable(gate, 8);
                system.PrintVariable(gate + 4, 8);
                system.Try(code => code.@int(0x90));
                system.TryAsUser(code => code.@int(0x90));
            });
        }

        await AgreesWithQemu(system);
    }

    /// <summary>Every combination of rights at both levels, for reads, writes and fetches of both privileges: the fault's code, and the bits set.</summary>
    [Theory]
    [InlineData(0x8001_0011, 0x20, "qemu64")] // write protection; PAE
    [InlineData(0x8000_0011, 0x20, "qemu64")]
    [InlineData(0x8001_0011, 0x30_0020, "max")] // SMEP and SMAP
    public async Task Pages_are_used_as_they_may(uint cr0, int cr4, string cpu)
    {
        const uint pointers = 0x2_0000, directory = 0x2_1000, low = 0x2_2000, table = 0x2_3000, frame = 0x3_0000, page = 0x40_0000, userBase = 0x20_0000;
        var system = new SystemCode((byte)(userBase >> 20), []);
        Assembler code = system.Assembler;
        code.mov(__dword_ptr[frame], 0x80CD_C88C);
        code.mov(__dword_ptr[pointers], directory | 1);
        code.mov(__dword_ptr[directory], low | 3);
        code.mov(__dword_ptr[directory + 8], low | 7);
        system.For(SystemCode.Entry, 0, 512, 1, () => // the first 2 MiB are where they are, and for the user above that
        {
            code.mov(eax, __dword_ptr[SystemCode.Entry]);
            code.mov(ebx, eax);
            code.shl(eax, 12);
            code.or(eax, 7);
            code.mov(__dword_ptr[(ebx * 8) + low], eax);
        });
        code.mov(eax, pointers);
        code.mov(AssemblerRegisters.cr3, eax);
        code.mov(eax, cr4);
        code.mov(AssemblerRegisters.cr4, eax);
        code.mov(ecx, 0xC000_0080);
        code.rdmsr();
        code.or(eax, 0x800);
        code.wrmsr();
        code.mov(eax, cr0);
        code.mov(AssemblerRegisters.cr0, eax);
        system.For(SystemCode.Entry, 0, 256, 1, () =>
        {
            system.Print("\n");
            system.PrintVariable(SystemCode.Entry, 2);
            Action<uint>[] attempts = [at => code.mov(eax, __dword_ptr[at]), at => code.mov(__dword_ptr[at], 0x80CD_C88C), at =>
            {
                code.mov(edx, at);
                code.jmp(edx);
            }];
            foreach (Action<uint> attempt in attempts)
            {
                foreach (bool user in (bool[])[false, true])
                {
                    SetEntries(code, directory + 16, table);
                    if (user) system.TryAsUser(_ => attempt(page - userBase));
                    else system.Try(_ => attempt(page));
                    system.PrintVariable(table, 2);
                    system.PrintVariable(directory + 16, 2);
                }
            }
        });

        await AgreesWithQemu(system, cpu);

        // Bits 0-3 of the case are P, W, U and NX of the page, 4-7 those of the directory.
        static void SetEntries(Assembler code, uint pde, uint pte)
        {
            (uint At, int Shift, uint Frame)[] entries = [(pte, 0, frame), (pde, 4, table)];
            foreach ((uint at, int shift, uint address) in entries)
            {
                code.mov(ebx, __dword_ptr[SystemCode.Entry]);
                code.shr(ebx, (byte)shift);
                code.mov(eax, ebx);
                code.and(eax, 7);
                code.or(eax, address);
                code.mov(__dword_ptr[at], eax);
                code.and(ebx, 8);
                code.shl(ebx, 28);
                code.mov(__dword_ptr[at + 4], ebx);
            }

            code.invlpg(__[page]);
        }
    }

    /// <summary>What only the system may do, and what nobody may.</summary>
    /// <remarks>Left out is where QEMU checks less than a processor: limits and types of segments outside user mode, reserved bits, INT1, EMMS with CR0.EM.</remarks>
    [Fact]
    public async Task Exceptions_are_raised_with_the_codes_they_have()
    {
        var system = new SystemCode(0x0040_9200_1000_0FFF, 0x0040_9600_1000_0FFF); // 4 KiB up, and the rest down
        var attempts = new Dictionary<string, Action<Assembler>>
        {
            ["ud2"] = code => code.ud2(),
            ["int3"] = code => code.int3(),
            ["into"] = code => { code.mov(al, 0x7F); code.inc(al); code.into(); },
            ["bound"] = code => { code.mov(__dword_ptr[FarPointer], 1); code.mov(__dword_ptr[FarPointer + 4], 2); code.bound(eax, __qword_ptr[FarPointer]); },
            ["divide by zero"] = code => { code.xor(ecx, ecx); code.div(ecx); },
            ["divide overflow"] = code => { code.mov(edx, 5); code.mov(ecx, 3); code.div(ecx); },
            ["smallest by -1"] = code => { code.mov(eax, 0x8000_0000); code.cdq(); code.mov(ecx, -1); code.idiv(ecx); },
            ["aam 0"] = code => code.aam(0),
            ["hlt in user mode or not"] = code => { code.pushfd(); code.pop(ecx); code.mov(edx, cs); code.test(dl, 3); Label skip = code.CreateLabel(); code.jz(skip); code.hlt(); code.Label(ref skip); code.nop(); },
            ["cli"] = code => code.cli(),
            ["sti"] = code => { code.sti(); code.cli(); },
            ["in"] = code => code.@in(al, 0x80),
            ["popf"] = code => { code.push(0x3202); code.popfd(); code.pushfd(); code.pop(eax); code.cli(); },
            ["lgdt"] = code => code.lgdt(__[0xF_0108]),
            ["lmsw"] = code => { code.smsw(eax); code.lmsw(ax); },
            ["smsw"] = code => code.smsw(eax),
            ["clts"] = code => code.clts(),
            ["invd"] = code => code.invd(),
            ["rdtsc"] = code => { code.rdtsc(); code.xor(eax, eax); },
            ["read CR0"] = code => code.mov(eax, cr0),
            ["read CR4"] = code => code.mov(eax, cr4),
            ["read DR7"] = code => code.mov(eax, dr7),
            ["read DR4"] = code => code.mov(eax, dr4),
            ["an MSR that is none"] = code => { code.mov(ecx, 0x1234_5678); code.rdmsr(); code.xor(eax, eax); },
            ["a bit of EFER that is none"] = code => { code.mov(ecx, 0xC000_0080); code.mov(eax, 0x2); code.xor(edx, edx); code.wrmsr(); },
            ["lock nop"] = code => code.db(0xF0, 0x90),
            ["lock on a register"] = code => code.db(0xF0, 0x01, 0xC0),
            ["lock cmp"] = code => code.db(0xF0, 0x39, 0x05, 0x80, 0x05, 0x00, 0x00),
            ["16 bytes"] = code => code.db(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90),
            ["15 bytes"] = code => code.db(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90),
            ["mov to cs"] = code => code.db(0x8E, 0xC8),
            ["lea of a register"] = code => code.db(0x8D, 0xC0),
            ["syscall"] = code => code.syscall(),
            ["sysexit"] = code => code.sysexit(),
            ["sysret"] = code => code.db(0x0F, 0x07),
            ["rsm"] = code => code.rsm(),
            ["vmcall"] = code => code.vmcall(),
            ["fpu, emulated"] = code => { code.mov(ecx, 0x15); SetCr0(code); code.fnop(); },
            ["fpu, task switched"] = code => { code.mov(ecx, 0x19); SetCr0(code); code.fnop(); },
            ["wait, task switched"] = code => { code.mov(ecx, 0x1B); SetCr0(code); code.wait(); },
            ["sse without OSFXSR"] = code => { code.mov(ecx, 0x11); SetCr0(code); code.xorps(xmm0, xmm0); },
            ["up to a segment's end"] = code => { code.mov(eax, SystemCode.FirstOfTest); code.mov(fs, eax); code.mov(eax, __dword_ptr.fs[0xFFC]); code.xor(eax, eax); },
            ["in a segment that grows down"] = code => { code.mov(eax, SystemCode.FirstOfTest + 8); code.mov(fs, eax); code.mov(eax, __dword_ptr.fs[0x1000]); code.xor(eax, eax); },
        };
        foreach ((string name, Action<Assembler> attempt) in attempts)
        {
            system.Print($"\n{name}:");
            system.Try(attempt);
            Restore(system.Assembler);
            system.TryAsUser(attempt);
            Restore(system.Assembler);
            system.TryAsUser(attempt, flags: 0x3002); // with I/O privilege
            Restore(system.Assembler);
        }

        await AgreesWithQemu(system);

        static void SetCr0(Assembler code)
        {
            code.mov(edx, cs);
            code.test(dl, 3);
            Label skip = code.CreateLabel();
            code.jnz(skip);
            code.mov(cr0, ecx);
            code.Label(ref skip);
            code.nop();
        }

        static void Restore(Assembler code)
        {
            code.mov(eax, 0x11);
            code.mov(cr0, eax);
            code.xor(eax, eax);
            code.mov(cr4, eax);
        }
    }

    [Fact]
    public async Task The_local_apic_has_the_registers_it_has()
    {
        const uint apic = 0xFEE0_0000;
        var system = new SystemCode();
        Assembler code = system.Assembler;
        (uint Register, uint Bits)[] writable = // QEMU keeps reserved bits too
        [
            (0x20, 0xFF00_0000), (0x80, 0xFF), (0xD0, 0xFF00_0000), (0xE0, 0xFFFF_FFFF), (0xF0, 0x1FF), (0x310, 0xFF00_0000), (0x320, 0x0001_00FF),
            (0x330, 0x0001_00FF), (0x340, 0x0001_00FF), (0x350, 0x0001_A0FF), (0x360, 0x0001_A0FF), (0x370, 0x0001_00FF), (0x3E0, 0xB),
        ];
        code.mov(al, 0xFF);
        code.@out(0x21, al); // the timer's tick would be seen in a LINT0 that is not masked
        ShowAll();
        foreach (uint pattern in (uint[])[0xFFFF_FFFF, 0xAAAA_AAAA, 0x0001_0000])
        {
            foreach ((uint register, uint bits) in writable) code.mov(__dword_ptr[apic + register], pattern & bits);
            ShowAll();
        }

        await AgreesWithQemu(system);

        void ShowAll() => system.For(SystemCode.Entry, 0x20, 0x400, 0x10, () =>
        {
            Label skip = code.CreateLabel();
            code.mov(ebx, __dword_ptr[SystemCode.Entry]);
            foreach (int register in (int[])[0x280, 0x390]) // QEMU's error status needs no latching; the count runs
            {
                code.cmp(ebx, register);
                code.jz(skip);
            }

            system.Print("\n");
            system.PrintVariable(SystemCode.Entry, 4);
            system.Print(" ");
            code.mov(ebx, __dword_ptr[SystemCode.Entry]);
            code.mov(eax, __dword_ptr[ebx + apic]);
            code.mov(__dword_ptr[SystemCode.Counter], eax);
            system.PrintVariable(SystemCode.Counter, 8);
            code.Label(ref skip);
        });
    }

    /// <summary>CR0.NE is clear after a reset: DOS programs have their x87 errors as interrupt 13, which is 75h, and answer at port F0h.</summary>
    [Fact]
    public async Task An_x87_error_is_interrupt_13_where_DOS_wants_it() => await AgreesWithQemu(GuestCode.Rom(code =>
    {
        Label start = code.CreateLabel(), over = code.CreateLabel(), handler = code.CreateLabel();
        code.jmp(start);
        code.Label(ref handler);
        Print(code, "interrupt ");
        code.@out(0xF0, al);
        code.fnstsw(ax);
        code.and(ax, 4);
        code.add(al, (byte)'0');
        code.@out(0xE9, al);
        code.fnclex();
        code.mov(al, 0x20);
        code.@out(0xA0, al);
        code.@out(0x20, al);
        code.iret();

        code.Label(ref start);
        code.xor(ax, ax);
        code.mov(ds, ax);
        code.mov(ss, ax);
        code.mov(sp, 0x7000);
        code.call(over);
        code.jmp(handler);
        code.Label(ref over);
        code.pop(__word_ptr[0x75 * 4]);
        code.mov(__word_ptr[(0x75 * 4) + 2], cs);
        foreach ((byte port, byte value) in ((byte, byte)[])[(0x20, 0x11), (0xA0, 0x11), (0x21, 8), (0xA1, 0x70), (0x21, 4), (0xA1, 2), (0x21, 1), (0xA1, 1), (0x21, 0xFB), (0xA1, 0xDF)])
        {
            code.mov(al, value);
            code.@out(port, al);
        }

        code.sti();
        code.fninit();
        code.mov(__word_ptr[0x500], 0x37B); // zero divide unmasked
        code.fldcw(__word_ptr[0x500]);
        code.fld1();
        code.fldz();
        code.fdivp(st1, st0);
        code.nop();
        Print(code, "wait ");
        code.wait();
        code.nop();
        code.fld1();
        Print(code, " done\nend\n");
        code.mov(dx, 0x501);
        code.xor(ax, ax);
        code.@out(dx, al);

        static void Print(Assembler code, string text)
        {
            foreach (char letter in text)
            {
                code.mov(al, (byte)letter);
                code.@out(0xE9, al);
            }
        }
    }), "qemu64", "1");

    /// <summary>Name, signature, caches, topology and widths; not the features, of which there are some that only one of the two has.</summary>
    [Theory]
    [InlineData("486", "1")]
    [InlineData("qemu32", "1")]
    [InlineData("qemu64", "6,cores=3,threads=2")]
    [InlineData("Nehalem", "6,cores=3,threads=2")]
    [InlineData("Haswell", "8,sockets=2,dies=2,cores=2")]
    [InlineData("Denverton", "1")]
    [InlineData("Opteron_G5", "2")]
    [InlineData("Dhyana", "4,cores=2,threads=2")]
    [InlineData("EPYC", "1")]
    [InlineData("EPYC", "8,sockets=2,dies=2,cores=2")]
    [InlineData("EPYC-Rome", "8,cores=4,threads=2")]
    [InlineData("EPYC-Milan", "16,cores=8,threads=2")]
    public async Task CPUID_tells_what_the_model_is(string cpu, string smp)
    {
        const string all = "abcd";
        (uint First, uint Last, uint Subleaves, string Registers)[] leaves =
        [
            (0, 0, 1, all), (1, 1, 1, "abd"), (2, 3, 1, all), (4, 4, 5, all), (5, 6, 1, all), (0xB, 0xB, 4, all), (0x1F, 0x1F, 4, all),
            (0x4000_0000, 0x4000_0001, 1, all), (0x8000_0000, 0x8000_0000, 1, all), (0x8000_0001, 0x8000_0001, 1, "ab"),
            (0x8000_0002, 0x8000_0008, 1, all), (0x8000_001D, 0x8000_001D, 5, all), (0x8000_001E, 0x8000_001E, 1, all),
        ];
        bool zen = cpu.StartsWith("EPYC", StringComparison.Ordinal), multipleDies = smp.Contains("dies", StringComparison.Ordinal);
        var system = new SystemCode();
        Assembler code = system.Assembler;
        foreach ((uint first, uint last, uint subleaves, string registers) in leaves)
        {
            if (first == 0x1F && !(multipleDies && !zen)) continue; // beyond the last leaf what the last answers depends on features
            if (first >= 0x8000_001D && !zen) continue;
            for (uint leaf = first; leaf <= last; leaf++)
                for (uint subleaf = 0; subleaf < subleaves; subleaf++) Show(leaf, subleaf, registers);
        }

        await AgreesWithQemu(system, cpu, smp);

        void Show(uint leaf, uint subleaf, string registers)
        {
            system.Print($"\n{leaf:x8}.{subleaf}");
            foreach (char register in registers)
            {
                code.mov(eax, leaf);
                code.mov(ecx, subleaf);
                code.cpuid();
                code.mov(__dword_ptr[SystemCode.Counter], register switch { 'a' => eax, 'b' => ebx, 'c' => ecx, _ => edx });
                system.Print(" ");
                system.PrintVariable(SystemCode.Counter, 8);
            }
        }
    }

    /// <summary>Switches by JMP, CALL, interrupt and IRET to a task whose state is in order, or wrong where it can still take the fault itself.</summary>
    [Fact]
    public async Task Tasks_are_switched_to_as_far_as_they_may()
    {
        const ushort other = SystemCode.FirstOfTest, gate = SystemCode.FirstOfTest + 8, local = SystemCode.FirstOfTest + 16;
        const uint task = 0xB000, registers = 0x60;
        const uint otherBusy = SystemCode.Gdt + other + 5, ownBusy = SystemCode.Gdt + SystemCode.TaskState + 5;
        var system = new SystemCode(0x0000_8900_0000_0067 | (ulong)task << 16, 0x0000_E500_0000_0000 | (ulong)other << 16, 0x0000_8200_0000_FFFF);
        Assembler code = system.Assembler;
        (string Name, uint At, uint Value)[] faults =
        [
            ("in order", registers, 0), ("DS a gate", 0x54, gate), ("ES nowhere", 0x48, 0x7FF8), ("FS null", 0x58, 0), ("LDT", registers, local),
        ];
        var switches = new Dictionary<string, Action<Assembler>>
        {
            ["jmp"] = _ => code.jmp(__fword_ptr[FarPointer]),
            ["call"] = _ => code.call(__fword_ptr[FarPointer]),
            ["jmp gate"] = _ => { code.mov(__dword_ptr[FarPointer + 4], gate); code.jmp(__fword_ptr[FarPointer]); },
            ["int"] = _ => code.@int(0x90),
            ["iret"] = _ =>
            {
                code.mov(__dword_ptr[SystemCode.Tss], other);
                code.or(__byte_ptr[otherBusy], 2);
                code.push(0x4002); // nested
                code.popfd();
                code.iretd();
            },
        };
        code.mov(__dword_ptr[SystemCode.Idt + (0x90 * 8)], other << 16);
        code.mov(__dword_ptr[SystemCode.Idt + (0x90 * 8) + 4], 0xE500);
        foreach ((string name, uint at, uint value) in faults)
        {
            foreach ((string how, Action<Assembler> attempt) in switches)
            {
                system.Print($"\n{name}, {how}:");
                Prepare(at, value);
                system.Try(attempt);
                code.str(eax);
                code.mov(__dword_ptr[SystemCode.Counter], eax);
                foreach ((uint variable, int digits) in ((uint, int)[])[(SystemCode.Counter, 4), (task, 4), (task + 0x24, 8), (otherBusy, 2), (ownBusy, 2)])
                {
                    system.Print(" ");
                    system.PrintVariable(variable, digits);
                }
            }
        }

        await AgreesWithQemu(system);

        void Prepare(uint at, uint value)
        {
            code.push(2); // no task is nested
            code.popfd();
            code.mov(__byte_ptr[otherBusy], 0x89);
            code.mov(__byte_ptr[ownBusy], 0x89);
            code.mov(eax, SystemCode.TaskState);
            code.ltr(ax);
            code.xor(eax, eax);
            code.lldt(ax);
            for (uint i = 0; i <= registers; i += 4) code.mov(__dword_ptr[task + i], 0);
            code.mov(__dword_ptr[task + 0x20], SystemCode.Landing);
            code.mov(__dword_ptr[task + 0x24], 2);
            code.mov(__dword_ptr[task + 0x38], 0x7800);
            code.mov(__dword_ptr[task + 0x4C], SystemCode.Code);
            foreach (uint segment in (uint[])[0x48, 0x50, 0x54, 0x58, 0x5C]) code.mov(__dword_ptr[task + segment], SystemCode.Data);
            code.mov(__dword_ptr[task + at], value);
            code.mov(__dword_ptr[SystemCode.Tss], 0);
            code.mov(__dword_ptr[FarPointer], 0);
            code.mov(__dword_ptr[FarPointer + 4], other);
        }
    }

    private static void FarReturn(Assembler code)
    {
        code.push(SystemCode.UserData);
        code.push(SystemCode.UserStack);
        code.push(__dword_ptr[SystemCode.Selector]);
        code.push(SystemCode.Landing);
        code.retf();
    }

    private static void InterruptReturn(Assembler code)
    {
        code.push(SystemCode.UserData);
        code.push(SystemCode.UserStack);
        code.push(2);
        code.push(__dword_ptr[SystemCode.Selector]);
        code.push(SystemCode.Landing);
        code.iretd();
    }

    /// <param name="code">Where to.</param>
    /// <param name="segment">Which.</param>
    /// <param name="stack">The flat data segment of the privilege.</param>
    private static void LoadSegment(Assembler code, AssemblerRegisterSegment segment, ushort stack)
    {
        code.mov(eax, __dword_ptr[SystemCode.Selector]);
        code.mov(segment, eax);
        code.mov(ecx, segment);
        code.mov(edx, stack);
        code.mov(ss, edx);
        code.mov(eax, ecx);
    }

    private static SystemCode ForEachSelector(Action<SystemCode> attempts)
    {
        var system = new SystemCode(EveryAccess);
        system.For(SystemCode.Selector, SystemCode.FirstOfTest, SystemCode.FirstOfTest + (256 * 8), 1, () =>
        {
            Label skip = system.Assembler.CreateLabel();
            system.Assembler.test(__byte_ptr[SystemCode.Selector], 4);
            system.Assembler.jnz(skip); // there is no LDT
            system.Print("\n");
            system.PrintVariable(SystemCode.Selector, 4);
            attempts(system);
            system.Assembler.Label(ref skip);
        });
        return system;
    }

    private static bool IsTask(int access) => (access & 0x1F) is 1 or 3 or 9 or 0xB;

    private static bool IsGate(int access) => (access & 0x1F) is 4 or 5 or 6 or 7 or 0xC or 0xE or 0xF;

    /// <summary>Runs it here and in QEMU, and compares what it prints.</summary>
    internal static Task AgreesWithQemu(SystemCode system, string cpu = "qemu64", string smp = "1") => AgreesWithQemu(system.Build(), cpu, smp);

    private static async Task AgreesWithQemu(byte[] rom, string cpu, string smp)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], rom, TestContext.Current.CancellationToken);
        string[] options = ["-bios", folder["rom"], "-cpu", cpu, "-smp", smp, "-display", "none", "-nic", "none", "-debugcon", "stdio", "-device", "isa-debug-exit"];
        await using Emulator rhea = Emulator.Rhea(options), qemu = Emulator.Qemu(options);

        Assert.Equal((1, 1), (await qemu.Exit(), await rhea.Exit()));
        string[] expected = qemu.Output.Split('\n'), actual = rhea.Output.Split('\n');
        Assert.Equal("end", expected[^2]);
        string[] differences = [.. expected.Zip(actual).Where(pair => pair.First != pair.Second).Select(pair => $"QEMU {pair.First}\nhere {pair.Second}")];
        Assert.True(differences.Length == 0, $"{differences.Length} lines differ:\n{string.Join("\n", differences.Take(20))}");
        Assert.Equal(expected.Length, actual.Length);
    }
}

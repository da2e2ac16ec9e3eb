using System.Text;

namespace Rhea.Core.Cpu;

/// <summary>A processor's registers, as QEMU prints them.</summary>
public static class RegisterText
{
    private const uint DescriptorSystem = 1 << 12, DescriptorPresent = 1 << 15, Long = 1 << 21, Big = 1 << 22;
    private static readonly string[] SegmentNames = ["ES", "CS", "SS", "DS", "FS", "GS"];

    private static readonly string[] SystemTypes =
    [
        "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16",
        "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32",
    ];

    /// <param name="cpu">Of a processor that stands still.</param>
    /// <param name="floating">With those of x87 and SSE.</param>
    public static string Of(in CpuState cpu, bool floating = true)
    {
        var text = new StringBuilder();
        bool wide = cpu.In64BitCode;
        General(text, in cpu, wide);
        for (var i = 0; i < SegmentNames.Length; i++) Descriptor(text, SegmentNames[i], in cpu, cpu.Segments[i], wide);
        Descriptor(text, "LDT", in cpu, cpu.Ldtr, wide);
        Descriptor(text, "TR", in cpu, cpu.Tr, wide);
        string width = wide ? "x16" : "x8";
        text.Append($"GDT=     {cpu.Gdtr.Base.ToString(width)} {cpu.Gdtr.Limit:x8}\nIDT=     {cpu.Idtr.Base.ToString(width)} {cpu.Idtr.Limit:x8}\n");
        text.Append($"CR0={cpu.Cr0:x8} CR2={cpu.Cr2.ToString(width)} CR3={cpu.Cr3.ToString(width)} CR4={cpu.Cr4:x8}\n");
        text.Append($"DR0={cpu.Debug[0]:x16} DR1={cpu.Debug[1]:x16} DR2={cpu.Debug[2]:x16} DR3={cpu.Debug[3]:x16} \n");
        text.Append($"DR6={cpu.Debug[6]:x16} DR7={cpu.Debug[7]:x16}\nEFER={cpu.Efer:x16}\n");
        if (floating) Floating(text, in cpu, wide);
        return text.ToString();
    }

    private static void General(StringBuilder text, in CpuState cpu, bool wide)
    {
        Span<ulong> r = stackalloc ulong[16];
        ((ReadOnlySpan<ulong>)cpu.General).CopyTo(r);
        if (wide)
        {
            text.Append($"RAX={r[0]:x16} RBX={r[3]:x16} RCX={r[1]:x16} RDX={r[2]:x16}\nRSI={r[6]:x16} RDI={r[7]:x16} RBP={r[5]:x16} RSP={r[4]:x16}\n");
            text.Append($"R8 ={r[8]:x16} R9 ={r[9]:x16} R10={r[10]:x16} R11={r[11]:x16}\nR12={r[12]:x16} R13={r[13]:x16} R14={r[14]:x16} R15={r[15]:x16}\n");
        }
        else
        {
            text.Append($"EAX={(uint)r[0]:x8} EBX={(uint)r[3]:x8} ECX={(uint)r[1]:x8} EDX={(uint)r[2]:x8}\nESI={(uint)r[6]:x8} EDI={(uint)r[7]:x8} EBP={(uint)r[5]:x8} ESP={(uint)r[4]:x8}\n");
        }

        ulong flags = cpu.Rflags;
        bool protectedMode = (cpu.Cr0 & 1) != 0;
        string letters = string.Concat("DOSZAPC".Zip([10, 11, 7, 6, 4, 2, 0], (letter, bit) => (flags >> bit & 1) != 0 ? letter : '-'));
        text.Append(wide ? $"RIP={cpu.Rip:x16} RFL={flags:x8}" : $"EIP={(uint)cpu.Rip:x8} EFL={flags:x8}");
        text.Append($" [{letters}] CPL={(protectedMode ? cpu.Segments[2].Flags >> 13 & 3 : 0)} II={(cpu.InterruptShadow ? 1 : 0)} A20={(cpu.A20 ? 1 : 0)}");
        text.Append($" SMM={(cpu.Smm ? 1 : 0)} HLT={(cpu.Activity == CpuActivity.Running ? 0 : 1)}\n");
    }

    private static void Descriptor(StringBuilder text, string name, in CpuState cpu, Segment segment, bool wide)
    {
        text.Append($"{name,-3}={segment.Selector:x4} {segment.Base.ToString(wide ? "x16" : "x8")} {segment.Limit:x8} {segment.Flags:x8}");
        uint flags = segment.Flags;
        if ((cpu.Cr0 & 1) != 0 && (flags & DescriptorPresent) != 0)
        {
            bool longMode = cpu.InLongMode;
            text.Append($" DPL={flags >> 13 & 3} ");
            if ((flags & DescriptorSystem) == 0) text.Append(System(flags >> 8 & 15, longMode));
            else if ((flags & 1 << 11) != 0) text.Append($"{((flags & Long) != 0 ? "CS64" : (flags & Big) != 0 ? "CS32" : "CS16")} [{Bit(flags, 10, 'C')}{Bit(flags, 9, 'R')}{Bit(flags, 8, 'A')}]");
            else text.Append($"{((flags & Big) != 0 || longMode ? "DS  " : "DS16")} [{Bit(flags, 10, 'E')}{Bit(flags, 9, 'W')}{Bit(flags, 8, 'A')}]");
        }

        text.Append('\n');
    }

    private static string System(uint type, bool longMode) =>
        longMode ? SystemTypes[type].Replace("32", "64", StringComparison.Ordinal) : SystemTypes[type];

    private static char Bit(uint flags, int bit, char letter) => (flags >> bit & 1) != 0 ? letter : '-';

    private static void Floating(StringBuilder text, in CpuState cpu, bool wide)
    {
        text.Append($"FCW={cpu.FpuControl:x4} FSW={cpu.FpuStatus:x4} [ST={cpu.FpuStatus >> 11 & 7}] FTW={(byte)~cpu.FpuEmpty:x2} MXCSR={cpu.Mxcsr:x8}\n");
        for (var i = 0; i < 8; i++)
            text.Append($"FPR{i}={cpu.X87[i].Significand:x16} {cpu.X87[i].SignExponent:x4}{(i % 2 == 0 ? ' ' : '\n')}");
        for (var i = 0; i < (wide ? 16 : 8); i++)
            text.Append($"XMM{i:d2}={cpu.Vector[i][1]:x16} {cpu.Vector[i][0]:x16}{(i % 2 == 0 ? ' ' : '\n')}");
    }
}

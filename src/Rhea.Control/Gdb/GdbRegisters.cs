using System.Text;
using Rhea.Core.Cpu;

namespace Rhea.Control.Gdb;

/// <summary>The registers that GDB sees, in its order, and the description from which it knows them.</summary>
/// <remarks>
/// GDB manual, G.5.12. They are always those of a 64-bit processor, so that one session can follow the guest through its modes; outside
/// 64-bit code the upper halves read as zeros.
/// </remarks>
internal static class GdbRegisters
{
    private static readonly string[] General =
        ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

    private static readonly int[] Encoding = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

    public delegate UInt128 Reader(in CpuState cpu);

    public delegate void Writer(ref CpuState cpu, UInt128 value);

    /// <summary>Numbered by their place.</summary>
    public static IReadOnlyList<GdbRegister> All { get; } = [.. Core(), .. Sse(), .. Segments(), .. System()];

    /// <summary>The file "target.xml".</summary>
    public static string Description { get; } = Describe();

    private static IEnumerable<GdbRegister> Core()
    {
        const string feature = "org.gnu.gdb.i386.core";
        for (var i = 0; i < General.Length; i++)
        {
            int number = Encoding[i];
            yield return new(feature, General[i], 64, General[i] is "rbp" or "rsp" ? "data_ptr" : "int64",
                (in cpu) => cpu.In64BitCode ? cpu.General[number] : number < 8 ? (uint)cpu.General[number] : 0,
                (ref cpu, value) => cpu.General[number] = (ulong)value);
        }

        yield return new(feature, "rip", 64, "code_ptr", (in cpu) => cpu.In64BitCode ? cpu.Rip : (uint)cpu.Rip, (ref cpu, value) => cpu.Rip = (ulong)value);
        yield return new(feature, "eflags", 32, "i386_eflags", (in cpu) => (uint)cpu.Rflags, (ref cpu, value) => cpu.Rflags = (uint)value | 2);
        foreach (SegmentRegister segment in (SegmentRegister[])[SegmentRegister.Cs, SegmentRegister.Ss, SegmentRegister.Ds, SegmentRegister.Es, SegmentRegister.Fs, SegmentRegister.Gs])
            yield return new(feature, segment.ToString().ToLowerInvariant(), 32, "int32", (in cpu) => cpu.Segments[(int)segment].Selector, null);
        for (var i = 0; i < 8; i++)
        {
            int place = i;
            yield return new(feature, $"st{i}", 80, "i387_ext", (in cpu) => Stack(in cpu, place), (ref cpu, value) => SetStack(ref cpu, place, value));
        }

        foreach (GdbRegister register in FloatingControl(feature)) yield return register;
    }

    private static IEnumerable<GdbRegister> FloatingControl(string feature) =>
    [
        new(feature, "fctrl", 32, "int", (in cpu) => cpu.FpuControl, (ref cpu, value) => cpu.FpuControl = (ushort)value),
        new(feature, "fstat", 32, "int", (in cpu) => cpu.FpuStatus, (ref cpu, value) => cpu.FpuStatus = (ushort)value),
        new(feature, "ftag", 32, "int", (in cpu) => Tags(in cpu), null),
        new(feature, "fiseg", 32, "int", (in cpu) => 0, null),
        new(feature, "fioff", 32, "int", (in cpu) => (uint)cpu.FpuInstruction, null),
        new(feature, "foseg", 32, "int", (in cpu) => 0, null),
        new(feature, "fooff", 32, "int", (in cpu) => (uint)cpu.FpuOperand, null),
        new(feature, "fop", 32, "int", (in cpu) => cpu.FpuOpcode, null),
    ];

    private static IEnumerable<GdbRegister> Sse()
    {
        const string feature = "org.gnu.gdb.i386.sse";
        for (var i = 0; i < 16; i++)
        {
            int number = i;
            yield return new(feature, $"xmm{i}", 128, "vec128", (in cpu) => new UInt128(cpu.Vector[number][1], cpu.Vector[number][0]),
                (ref cpu, value) => (cpu.Vector[number][0], cpu.Vector[number][1]) = ((ulong)value, (ulong)(value >> 64)));
        }

        yield return new(feature, "mxcsr", 32, "i386_mxcsr", (in cpu) => cpu.Mxcsr, (ref cpu, value) => cpu.Mxcsr = (uint)value & 0xFFFF);
    }

    private static IEnumerable<GdbRegister> Segments() =>
    [
        new("org.gnu.gdb.i386.segments", "fs_base", 64, "int", (in cpu) => cpu.Segments[(int)SegmentRegister.Fs].Base,
            (ref cpu, value) => cpu.Segments[(int)SegmentRegister.Fs].Base = (ulong)value),
        new("org.gnu.gdb.i386.segments", "gs_base", 64, "int", (in cpu) => cpu.Segments[(int)SegmentRegister.Gs].Base,
            (ref cpu, value) => cpu.Segments[(int)SegmentRegister.Gs].Base = (ulong)value),
    ];

    /// <summary>What only a machine has; QEMU's names.</summary>
    private static IEnumerable<GdbRegister> System() =>
    [
        new("rhea.system", "k_gs_base", 64, "int", (in cpu) => cpu.KernelGsBase, null),
        new("rhea.system", "cr0", 64, "int", (in cpu) => cpu.Cr0, null),
        new("rhea.system", "cr2", 64, "int", (in cpu) => cpu.Cr2, null),
        new("rhea.system", "cr3", 64, "int", (in cpu) => cpu.Cr3, null),
        new("rhea.system", "cr4", 64, "int", (in cpu) => cpu.Cr4, null),
        new("rhea.system", "efer", 64, "int", (in cpu) => cpu.Efer, null),
        new("rhea.system", "cs_base", 64, "int", (in cpu) => cpu.Segments[(int)SegmentRegister.Cs].Base, null),
        new("rhea.system", "ss_base", 64, "int", (in cpu) => cpu.Segments[(int)SegmentRegister.Ss].Base, null),
    ];

    private static int Physical(in CpuState cpu, int place) => ((cpu.FpuStatus >> 11) + place) & 7;

    private static UInt128 Stack(in CpuState cpu, int place)
    {
        X87Register register = cpu.X87[Physical(in cpu, place)];
        return new UInt128(register.SignExponent, register.Significand);
    }

    private static void SetStack(ref CpuState cpu, int place, UInt128 value) =>
        cpu.X87[Physical(in cpu, place)] = new X87Register { Significand = (ulong)value, SignExponent = (ushort)(value >> 64) };

    private static uint Tags(in CpuState cpu)
    {
        uint tags = 0;
        for (var i = 0; i < 8; i++)
            if ((cpu.FpuEmpty >> i & 1) != 0) tags |= 3u << (i * 2);
        return tags;
    }

    private static string Describe()
    {
        var text = new StringBuilder("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\"><architecture>i386:x86-64</architecture>");
        foreach (IGrouping<string, GdbRegister> feature in All.GroupBy(register => register.Feature))
        {
            text.Append($"<feature name=\"{feature.Key}\">{Types(feature.Key)}");
            foreach (GdbRegister register in feature) text.Append($"<reg name=\"{register.Name}\" bitsize=\"{register.Bits}\" type=\"{register.Type}\"/>");
            text.Append("</feature>");
        }

        return text.Append("</target>").ToString();
    }

    private static string Types(string feature) => feature switch
    {
        "org.gnu.gdb.i386.core" => Flags("i386_eflags", "CF:0 PF:2 AF:4 ZF:6 SF:7 TF:8 IF:9 DF:10 OF:11 NT:14 RF:16 VM:17 AC:18 VIF:19 VIP:20 ID:21"),
        "org.gnu.gdb.i386.sse" => """
            <vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/><vector id="v16i8" type="int8" count="16"/>
            <vector id="v8i16" type="int16" count="8"/><vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
            <union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
            <field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>
            """ + Flags("i386_mxcsr", "IE:0 DE:1 ZE:2 OE:3 UE:4 PE:5 DAZ:6 IM:7 DM:8 ZM:9 OM:10 UM:11 PM:12 FZ:15"),
        _ => "",
    };

    private static string Flags(string id, string bits) => $"<flags id=\"{id}\" size=\"4\">"
        + string.Concat(bits.Split(' ').Select(bit => bit.Split(':')).Select(bit => $"<field name=\"{bit[0]}\" start=\"{bit[1]}\" end=\"{bit[1]}\"/>")) + "</flags>";
}

/// <summary>One of them.</summary>
/// <param name="Feature">The part of the description it belongs to.</param>
/// <param name="Name">GDB's name.</param>
/// <param name="Bits">Its width.</param>
/// <param name="Type">GDB's type.</param>
/// <param name="Get">Reads it.</param>
/// <param name="Set">Writes it; null when a debugger may not.</param>
internal sealed record GdbRegister(string Feature, string Name, int Bits, string Type, GdbRegisters.Reader Get, GdbRegisters.Writer? Set)
{
    public int Bytes => Bits / 8;
}

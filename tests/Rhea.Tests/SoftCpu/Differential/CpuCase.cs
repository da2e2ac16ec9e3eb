using System.Buffers.Binary;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Where everything is in the address space that both processors give a case.</summary>
internal static class CaseLayout
{
    /// <summary>A page of breakpoints; the instructions are at its middle, so that short jumps land in it too.</summary>
    public const uint Code = 0x1000_0000, Start = Code + 0x800;

    /// <summary>Two pages, and none behind them.</summary>
    public const uint Data = 0x2000_0000, DataEnd = Data + 0x2000;

    /// <summary>What is set before and compared after: across the pages' border, and before the end.</summary>
    public const uint Border = Data + 0xE00, Edge = DataEnd - 0x200;
    public const int BorderLength = 0x400, EdgeLength = 0x200;

    public const int CodeLength = 64;
    public const ushort Code32 = 0x07, Code64 = 0x33, Stack = 0x2B;
}

/// <summary>All of a processor's user-visible state, and some memory, in the form that the native program copies into a signal frame.</summary>
/// <remarks>The first words are the <c>gregs</c> of Linux's <c>mcontext_t</c>, the next 512 bytes an FXSAVE image.</remarks>
internal readonly record struct CpuImage(Memory<byte> Bytes)
{
    public const int Length = 2560;
    private const int Rip = 16, Rflags = 17, Segments = 18, ErrorCode = 19, Trap = 20, FaultAddress = 22;
    private const int FxSave = 192, CodeBytes = FxSave + 512, BorderBytes = CodeBytes + CaseLayout.CodeLength,
        UpperBytes = BorderBytes + CaseLayout.BorderLength + CaseLayout.EdgeLength;

    /// <summary>From encoding order (RAX RCX RDX RBX RSP RBP RSI RDI R8…) to gregs.</summary>
    private static readonly int[] Greg = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];

    public static int FxOffset => FxSave;

    public static int UpperOffset => UpperBytes;

    public Span<byte> Fx => Bytes.Span.Slice(FxSave, 512);

    public Span<byte> Code => Bytes.Span.Slice(CodeBytes, CaseLayout.CodeLength);

    public Span<byte> Border => Bytes.Span.Slice(BorderBytes, CaseLayout.BorderLength);

    /// <summary>The upper halves of the YMM registers.</summary>
    public Span<byte> Upper => Bytes.Span.Slice(UpperBytes, 256);

    public Span<byte> Edge => Bytes.Span.Slice(BorderBytes + CaseLayout.BorderLength, CaseLayout.EdgeLength);

    public ulong this[int register]
    {
        get => Word(Greg[register]);
        set => SetWord(Greg[register], value);
    }

    public ulong Ip
    {
        get => Word(Rip);
        set => SetWord(Rip, value);
    }

    public ulong Flags
    {
        get => Word(Rflags);
        set => SetWord(Rflags, value);
    }

    public bool Is64
    {
        get => (ushort)Word(Segments) == CaseLayout.Code64;
        set => SetWord(Segments, (value ? CaseLayout.Code64 : CaseLayout.Code32) | (ulong)CaseLayout.Stack << 48);
    }

    /// <summary>The exception that ended it; 3 is the breakpoint behind the instructions.</summary>
    public int Vector
    {
        get => (int)Word(Trap);
        set => SetWord(Trap, (ulong)value);
    }

    public ulong Error
    {
        get => Word(ErrorCode);
        set => SetWord(ErrorCode, value);
    }

    public ulong Cr2
    {
        get => Word(FaultAddress);
        set => SetWord(FaultAddress, value);
    }

    private ulong Word(int index) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes.Span[(index * 8)..]);

    private void SetWord(int index, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Bytes.Span[(index * 8)..], value);
}

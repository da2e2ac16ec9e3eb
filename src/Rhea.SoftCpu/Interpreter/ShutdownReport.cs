using Iced.Intel;
using Rhea.Core.Cpu;
using Rhea.SoftCpu.CodeCache;
using Rhea.X86;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Puts into words how a triple fault came about, from the exception that began it, with the processor as it was then.</summary>
internal static class ShutdownReport
{
    private const int LongestInstruction = 15;

    /// <param name="cpu">Whose RIP is at the instruction.</param>
    /// <param name="first">The exception that began it.</param>
    /// <param name="code">Its error code.</param>
    /// <param name="address">CR2 as it was then.</param>
    /// <param name="obstacle">What kept the handler from being called.</param>
    /// <param name="obstacleCode">Its error code.</param>
    public static TripleFault Write(Cpu cpu, ExceptionVector first, uint code, ulong address, ExceptionVector obstacle, uint obstacleCode)
    {
        ref CpuState state = ref cpu.State;
        Instruction? instruction = Fetch(cpu, out string bytes);
        string what = first == ExceptionVector.PageFault ? $"{Name(first, code)} at address {address:x}h" : Name(first, code);
        string where = cpu.Code64 ? $"{state.Rip:x16}" : $"{cpu.Segment(SegmentRegister.Cs).Selector:x4}:{state.Rip:x8}";
        string? hint = null, missing = null;
        if (first == ExceptionVector.InvalidOpcode && instruction is { } invalid)
        {
            missing = new OfferedInstructions(cpu.Features).FindMissing(invalid.Code);
            hint = missing is null ? WhatIsOff(ref state, invalid) : null;
        }

        return new TripleFault($"triple fault, begun by {what} at {where}{bytes}; no handler could be called: {Name(obstacle, obstacleCode)}{hint} (IDT {state.Idtr.Base:x}h, limit {state.Idtr.Limit:x}h)", missing);
    }

    /// <summary>The bytes and the instruction, as far as they can be read.</summary>
    private static Instruction? Fetch(Cpu cpu, out string text)
    {
        text = "";
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        int count = cpu.Mmu.Peek(cpu.LinearIp, bytes);
        if (count == 0) return null;
        var decoder = Decoder.Create(cpu.Code64 ? 64 : (cpu.BlockMode & BlockMode.Code32) != 0 ? 32 : 16, bytes[..count].ToArray(), cpu.State.Rip);
        decoder.Decode(out Instruction instruction);
        bool valid = instruction.Code != Code.INVALID;
        text = $" ({Convert.ToHexStringLower(bytes[..(valid ? instruction.Length : count)])}{(valid ? $" {instruction.Mnemonic.ToString().ToUpperInvariant()}" : "")})";
        return valid ? instruction : null;
    }

    /// <summary>Vector instructions have to be switched on.</summary>
    private static string? WhatIsOff(ref CpuState state, in Instruction instruction)
    {
        if (instruction.Encoding == EncodingKind.VEX && ((state.Cr4 & Cr4.OsXsave) == 0 || (state.Xcr0 & Xsave.AvxState) == 0))
            return "; AVX is not switched on in CR4.OSXSAVE and XCR0";
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i).IsXMM() && (state.Cr4 & Cr4.FxSave) == 0)
                return "; SSE is not switched on in CR4.OSFXSR";
        }

        return null;
    }

    private static string Name(ExceptionVector vector, uint code)
    {
        string name = vector switch
        {
            ExceptionVector.DivideError => "#DE",
            ExceptionVector.Debug => "#DB",
            ExceptionVector.Nmi => "NMI",
            ExceptionVector.Breakpoint => "#BP",
            ExceptionVector.Overflow => "#OF",
            ExceptionVector.BoundRange => "#BR",
            ExceptionVector.InvalidOpcode => "#UD (invalid opcode)",
            ExceptionVector.DeviceNotAvailable => "#NM (no FPU)",
            ExceptionVector.DoubleFault => "#DF",
            ExceptionVector.InvalidTss => "#TS",
            ExceptionVector.SegmentNotPresent => "#NP",
            ExceptionVector.StackFault => "#SS",
            ExceptionVector.GeneralProtection => "#GP",
            ExceptionVector.PageFault => "#PF",
            ExceptionVector.FloatingPoint => "#MF",
            ExceptionVector.AlignmentCheck => "#AC",
            ExceptionVector.MachineCheck => "#MC",
            ExceptionVector.SimdFloatingPoint => "#XM",
            _ => $"exception {(int)vector}",
        };
        return Exceptions.HasErrorCode(vector) ? $"{name} with error code {code:x}h" : name;
    }
}

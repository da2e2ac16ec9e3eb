using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler each system instruction has: segments, control registers, ports, MSRs, system calls.</summary>
/// <remarks>UNSAFE: takes addresses of handlers. SAFETY: the compiler checks their signature.</remarks>
internal static unsafe class SystemTable
{
    public static void Add(HandlerTable table)
    {
        AddSegments(table);
        AddPointers<ushort>(table, Code.Les_r16_m1616, Code.Lds_r16_m1616, Code.Lss_r16_m1616, Code.Lfs_r16_m1616, Code.Lgs_r16_m1616);
        AddPointers<uint>(table, Code.Les_r32_m1632, Code.Lds_r32_m1632, Code.Lss_r32_m1632, Code.Lfs_r32_m1632, Code.Lgs_r32_m1632);
        table.Add(Code.Lss_r64_m1664, &SegmentInstructions.Lss<ulong>);
        table.Add(Code.Lfs_r64_m1664, &SegmentInstructions.Lfs<ulong>);
        table.Add(Code.Lgs_r64_m1664, &SegmentInstructions.Lgs<ulong>);
        AddInspection<ushort>(table, 0);
        AddInspection<uint>(table, 1);
        AddInspection<ulong>(table, 2);
        AddTables(table);
        AddControl(table);
        AddPorts<byte>(table, Code.In_AL_imm8, Code.Out_imm8_AL, Code.In_AL_DX, Code.Out_DX_AL);
        AddPorts<ushort>(table, Code.In_AX_imm8, Code.Out_imm8_AX, Code.In_AX_DX, Code.Out_DX_AX);
        AddPorts<uint>(table, Code.In_EAX_imm8, Code.Out_imm8_EAX, Code.In_EAX_DX, Code.Out_DX_EAX);
        AddSystem(table);
    }

    private static void AddSegments(HandlerTable table)
    {
        table.Add(Code.Mov_rm16_Sreg, &SegmentInstructions.MoveFrom<ushort>, &SegmentInstructions.MoveFromToMemory);
        table.Add(Code.Mov_r32m16_Sreg, &SegmentInstructions.MoveFrom<uint>, &SegmentInstructions.MoveFromToMemory);
        table.Add(Code.Mov_r64m16_Sreg, &SegmentInstructions.MoveFrom<ulong>, &SegmentInstructions.MoveFromToMemory);
        for (Code code = Code.Mov_Sreg_rm16; code <= Code.Mov_Sreg_r64m16; code++)
            table.Add(code, &SegmentInstructions.MoveToRegister, &SegmentInstructions.MoveToRegisterFromMemory);
        table.Add(Code.Arpl_rm16_r16, &SegmentInstructions.Arpl, &SegmentInstructions.ArplMemory);
        table.Add(Code.Arpl_r32m16_r32, &SegmentInstructions.Arpl, &SegmentInstructions.ArplMemory);
    }

    private static void AddPointers<T>(HandlerTable table, Code les, Code lds, Code lss, Code lfs, Code lgs) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(les, &SegmentInstructions.Les<T>);
        table.Add(lds, &SegmentInstructions.Lds<T>);
        table.Add(lss, &SegmentInstructions.Lss<T>);
        table.Add(lfs, &SegmentInstructions.Lfs<T>);
        table.Add(lgs, &SegmentInstructions.Lgs<T>);
    }

    private static void AddInspection<T>(HandlerTable table, int size) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(Code.Lar_r16_rm16 + size, &SegmentInstructions.Lar<T>, &SegmentInstructions.LarMemory<T>);
        table.Add(Code.Lsl_r16_rm16 + size, &SegmentInstructions.Lsl<T>, &SegmentInstructions.LslMemory<T>);
        table.Add(Code.Verr_rm16 + size, &SegmentInstructions.Verr, &SegmentInstructions.VerrMemory);
        table.Add(Code.Verw_rm16 + size, &SegmentInstructions.Verw, &SegmentInstructions.VerwMemory);
        table.Add(Code.Lldt_rm16 + size, &SegmentInstructions.Lldt, &SegmentInstructions.LldtMemory);
        table.Add(Code.Ltr_rm16 + size, &SegmentInstructions.Ltr, &SegmentInstructions.LtrMemory);
        table.Add(Code.Sldt_rm16 + size, &SegmentInstructions.Sldt<T>, &SegmentInstructions.SldtMemory);
        table.Add(Code.Str_rm16 + size, &SegmentInstructions.Str<T>, &SegmentInstructions.StrMemory);
        table.Add(Code.Smsw_rm16 + size, &SegmentInstructions.Smsw<T>, &SegmentInstructions.SmswMemory);
        table.Add(Code.Lmsw_rm16 + size, &ControlRegisters.Lmsw, &ControlRegisters.LmswMemory);
    }

    private static void AddTables(HandlerTable table)
    {
        foreach (Code code in (Code[])[Code.Sgdt_m1632_16, Code.Sgdt_m1632, Code.Sgdt_m1664]) table.Add(code, &SegmentInstructions.Sgdt);
        foreach (Code code in (Code[])[Code.Sidt_m1632_16, Code.Sidt_m1632, Code.Sidt_m1664]) table.Add(code, &SegmentInstructions.Sidt);
        table.Add(Code.Lgdt_m1632_16, &SegmentInstructions.Lgdt16);
        table.Add(Code.Lgdt_m1632, &SegmentInstructions.Lgdt);
        table.Add(Code.Lgdt_m1664, &SegmentInstructions.Lgdt);
        table.Add(Code.Lidt_m1632_16, &SegmentInstructions.Lidt16);
        table.Add(Code.Lidt_m1632, &SegmentInstructions.Lidt);
        table.Add(Code.Lidt_m1664, &SegmentInstructions.Lidt);
    }

    private static void AddControl(HandlerTable table)
    {
        table.Add(Code.Mov_r32_cr, &ControlRegisters.ReadControl);
        table.Add(Code.Mov_r64_cr, &ControlRegisters.ReadControl);
        table.Add(Code.Mov_cr_r32, &ControlRegisters.WriteControl);
        table.Add(Code.Mov_cr_r64, &ControlRegisters.WriteControl);
        table.Add(Code.Mov_r32_dr, &ControlRegisters.ReadDebug);
        table.Add(Code.Mov_r64_dr, &ControlRegisters.ReadDebug);
        table.Add(Code.Mov_dr_r32, &ControlRegisters.WriteDebug);
        table.Add(Code.Mov_dr_r64, &ControlRegisters.WriteDebug);
        table.Add(Code.Clts, &ControlRegisters.Clts);
        table.Add(Code.Clac, &ControlRegisters.Clac);
        table.Add(Code.Stac, &ControlRegisters.Stac);
    }

    private static void AddPorts<T>(HandlerTable table, Code inImmediate, Code outImmediate, Code inDx, Code outDx) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(inImmediate, &PortInstructions<T>.InImmediate);
        table.Add(outImmediate, &PortInstructions<T>.OutImmediate);
        table.Add(inDx, &PortInstructions<T>.InDx);
        table.Add(outDx, &PortInstructions<T>.OutDx);
    }

    private static void AddSystem(HandlerTable table)
    {
        table.Add(Code.Hlt, &SystemInstructions.Hlt);
        table.Add(Code.Cli, &SystemInstructions.Cli);
        table.Add(Code.Sti, &SystemInstructions.Sti);
        table.Add(Code.Cpuid, &SystemInstructions.Cpuid);
        table.Add(Code.Rdtsc, &SystemInstructions.Rdtsc);
        table.Add(Code.Rdtscp, &SystemInstructions.Rdtscp);
        table.Add(Code.Xsave_mem, &Xsave.Save);
        table.Add(Code.Xsave64_mem, &Xsave.Save);
        table.Add(Code.Xsaveopt_mem, &Xsave.SaveOptimized);
        table.Add(Code.Xsaveopt64_mem, &Xsave.SaveOptimized);
        table.Add(Code.Xsavec_mem, &Xsave.SaveCompacted);
        table.Add(Code.Xsavec64_mem, &Xsave.SaveCompacted);
        table.Add(Code.Xrstor_mem, &Xsave.Restore);
        table.Add(Code.Xrstor64_mem, &Xsave.Restore);
        table.Add(Code.Xgetbv, &Xsave.Get);
        table.Add(Code.Xsetbv, &Xsave.Set);
        table.Add(Code.Rdpid_r32, &SystemInstructions.Rdpid);
        table.Add(Code.Rdpid_r64, &SystemInstructions.Rdpid);
        AddRandom(table, Code.Rdrand_r16);
        AddRandom(table, Code.Rdseed_r16);
        table.Add(Code.Rdpmc, &SystemInstructions.Rdpmc);
        table.Add(Code.Rdmsr, &SystemInstructions.Rdmsr);
        table.Add(Code.Wrmsr, &SystemInstructions.Wrmsr);
        table.Add(Code.Invlpg_m, &SystemInstructions.Invlpg);
        table.Add(Code.Invpcid_r32_m128, &SystemInstructions.Invpcid);
        table.Add(Code.Invpcid_r64_m128, &SystemInstructions.Invpcid);
        table.Add(Code.Invd, &SystemInstructions.Caches);
        table.Add(Code.Wbinvd, &SystemInstructions.Caches);
        table.Add(Code.Wbnoinvd, &SystemInstructions.Caches);
        table.Add(Code.Monitorw, &SystemInstructions.Monitor);
        table.Add(Code.Monitord, &SystemInstructions.Monitor);
        table.Add(Code.Monitorq, &SystemInstructions.Monitor);
        table.Add(Code.Mwait, &SystemInstructions.Mwait);
        table.Add(Code.Rdfsbase_r32, &SystemInstructions.ReadFsBase<uint>);
        table.Add(Code.Rdfsbase_r64, &SystemInstructions.ReadFsBase<ulong>);
        table.Add(Code.Rdgsbase_r32, &SystemInstructions.ReadGsBase<uint>);
        table.Add(Code.Rdgsbase_r64, &SystemInstructions.ReadGsBase<ulong>);
        table.Add(Code.Wrfsbase_r32, &SystemInstructions.WriteFsBase<uint>);
        table.Add(Code.Wrfsbase_r64, &SystemInstructions.WriteFsBase<ulong>);
        table.Add(Code.Wrgsbase_r32, &SystemInstructions.WriteGsBase<uint>);
        table.Add(Code.Wrgsbase_r64, &SystemInstructions.WriteGsBase<ulong>);
        table.Add(Code.Syscall, &SystemCalls.Syscall);
        table.Add(Code.Sysretd, &SystemCalls.Sysret32);
        table.Add(Code.Sysretq, &SystemCalls.Sysret64);
        table.Add(Code.Sysenter, &SystemCalls.Sysenter);
        table.Add(Code.Sysexitd, &SystemCalls.Sysexit32);
        table.Add(Code.Sysexitq, &SystemCalls.Sysexit64);
        table.Add(Code.Swapgs, &SystemCalls.SwapGs);
        table.Add(Code.Rsm, &SystemManagement.Resume);
    }

    private static void AddRandom(HandlerTable table, Code first)
    {
        table.Add(first, &SystemInstructions.Random<ushort>);
        table.Add(first + 1, &SystemInstructions.Random<uint>);
        table.Add(first + 2, &SystemInstructions.Random<ulong>);
    }
}

using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler an MMX instruction has, those included that came with SSE.</summary>
/// <remarks>UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.</remarks>
internal static unsafe class MmxTable
{
    public static void Add(HandlerTable table)
    {
        AddMoves(table);
        AddPacked(table);
        AddShuffles(table);
        AddConversions(table);
    }

    private static void AddMoves(HandlerTable table)
    {
        table.Add(Code.Emms, &Mmx.LeaveMmx);
        table.Add(Code.Movd_mm_rm32, &Mmx.Move<uint>, &Mmx.MoveMemory<uint>);
        table.Add(Code.Movd_rm32_mm, &Mmx.Exit<uint>, &Mmx.ExitMemory<uint>);
        table.Add(Code.Movq_mm_rm64, &Mmx.Move<ulong>, &Mmx.MoveMemory<ulong>);
        table.Add(Code.Movq_rm64_mm, &Mmx.Exit<ulong>, &Mmx.ExitMemory<ulong>);
        table.Add(Code.Movq_mm_mmm64, &Mmx.Move<ulong>, &Mmx.MoveMemory<ulong>);
        table.Add(Code.Movq_mmm64_mm, &Mmx.Move<ulong>, &Mmx.ExitMemory<ulong>);
        table.Add(Code.Movntq_m64_mm, &Mmx.ExitMemory<ulong>);
        table.Add(Code.Movq2dq_xmm_mm, &Mmx.ToVector);
        table.Add(Code.Movdq2q_mm_xmm, &Mmx.FromVector);
        table.Add(Code.Maskmovq_rDI_mm_mm, &Mmx.StoreMasked);
        table.Add(Code.Pinsrw_mm_r32m16_imm8, &Mmx.InsertWord, &Mmx.InsertWordMemory);
        table.Add(Code.Pextrw_r32_mm_imm8, &Mmx.ExtractWord);
        table.Add(Code.Pmovmskb_r32_mm, &Mmx.ByteMask);
        table.Add(Code.Pinsrw_mm_r64m16_imm8, &Mmx.InsertWord, &Mmx.InsertWordMemory);
        table.Add(Code.Pextrw_r64_mm_imm8, &Mmx.ExtractWord);
        table.Add(Code.Pmovmskb_r64_mm, &Mmx.ByteMask);
    }

    private static void AddPacked(HandlerTable table)
    {
        Packed<BothInOne<Packsswb>>(table, Code.Packsswb_mm_mmm64);
        Packed<Pcmpgtb>(table, Code.Pcmpgtb_mm_mmm64);
        Packed<Pcmpgtw>(table, Code.Pcmpgtw_mm_mmm64);
        Packed<Pcmpgtd>(table, Code.Pcmpgtd_mm_mmm64);
        Packed<BothInOne<Packuswb>>(table, Code.Packuswb_mm_mmm64);
        Packed<UpperHalf<Punpcklbw>>(table, Code.Punpckhbw_mm_mmm64);
        Packed<UpperHalf<Punpcklwd>>(table, Code.Punpckhwd_mm_mmm64);
        Packed<UpperHalf<Punpckldq>>(table, Code.Punpckhdq_mm_mmm64);
        Packed<BothInOne<Packssdw>>(table, Code.Packssdw_mm_mmm64);
        Packed<Pcmpeqb>(table, Code.Pcmpeqb_mm_mmm64);
        Packed<Pcmpeqw>(table, Code.Pcmpeqw_mm_mmm64);
        Packed<Pcmpeqd>(table, Code.Pcmpeqd_mm_mmm64);
        Packed<Psrlw>(table, Code.Psrlw_mm_mmm64);
        Packed<Psrld>(table, Code.Psrld_mm_mmm64);
        Packed<Psrlq>(table, Code.Psrlq_mm_mmm64);
        Packed<Paddq>(table, Code.Paddq_mm_mmm64);
        Packed<Pmullw>(table, Code.Pmullw_mm_mmm64);
        Packed<Psubusb>(table, Code.Psubusb_mm_mmm64);
        Packed<Psubusw>(table, Code.Psubusw_mm_mmm64);
        Packed<Pminub>(table, Code.Pminub_mm_mmm64);
        Packed<Pand>(table, Code.Pand_mm_mmm64);
        Packed<Paddusb>(table, Code.Paddusb_mm_mmm64);
        Packed<Paddusw>(table, Code.Paddusw_mm_mmm64);
        Packed<Pmaxub>(table, Code.Pmaxub_mm_mmm64);
        Packed<Pandn>(table, Code.Pandn_mm_mmm64);
        Packed<Pavgb>(table, Code.Pavgb_mm_mmm64);
        Packed<Psraw>(table, Code.Psraw_mm_mmm64);
        Packed<Psrad>(table, Code.Psrad_mm_mmm64);
        Packed<Pavgw>(table, Code.Pavgw_mm_mmm64);
        Packed<Pmulhuw>(table, Code.Pmulhuw_mm_mmm64);
        Packed<Pmulhw>(table, Code.Pmulhw_mm_mmm64);
        Packed<Psubsb>(table, Code.Psubsb_mm_mmm64);
        Packed<Psubsw>(table, Code.Psubsw_mm_mmm64);
        Packed<Pminsw>(table, Code.Pminsw_mm_mmm64);
        Packed<Por>(table, Code.Por_mm_mmm64);
        Packed<Paddsb>(table, Code.Paddsb_mm_mmm64);
        Packed<Paddsw>(table, Code.Paddsw_mm_mmm64);
        Packed<Pmaxsw>(table, Code.Pmaxsw_mm_mmm64);
        Packed<Pxor>(table, Code.Pxor_mm_mmm64);
        Packed<Psllw>(table, Code.Psllw_mm_mmm64);
        Packed<Pslld>(table, Code.Pslld_mm_mmm64);
        Packed<Psllq>(table, Code.Psllq_mm_mmm64);
        Packed<Pmuludq>(table, Code.Pmuludq_mm_mmm64);
        Packed<Pmaddwd>(table, Code.Pmaddwd_mm_mmm64);
        Packed<Psadbw>(table, Code.Psadbw_mm_mmm64);
        Packed<Psubb>(table, Code.Psubb_mm_mmm64);
        Packed<Psubw>(table, Code.Psubw_mm_mmm64);
        Packed<Psubd>(table, Code.Psubd_mm_mmm64);
        Packed<Psubq>(table, Code.Psubq_mm_mmm64);
        Packed<Paddb>(table, Code.Paddb_mm_mmm64);
        Packed<Paddw>(table, Code.Paddw_mm_mmm64);
        Packed<Paddd>(table, Code.Paddd_mm_mmm64);
    }

    private static void AddShuffles(HandlerTable table)
    {
        table.Add(Code.Punpcklbw_mm_mmm32, &Mmx.Register<Punpcklbw>, &Mmx.Memory32<Punpcklbw>);
        table.Add(Code.Punpcklwd_mm_mmm32, &Mmx.Register<Punpcklwd>, &Mmx.Memory32<Punpcklwd>);
        table.Add(Code.Punpckldq_mm_mmm32, &Mmx.Register<Punpckldq>, &Mmx.Memory32<Punpckldq>);
        Packed<Pshufw>(table, Code.Pshufw_mm_mmm64_imm8);
        table.Add(Code.Psrlw_mm_imm8, &Mmx.Shift<Psrlw>);
        table.Add(Code.Psraw_mm_imm8, &Mmx.Shift<Psraw>);
        table.Add(Code.Psllw_mm_imm8, &Mmx.Shift<Psllw>);
        table.Add(Code.Psrld_mm_imm8, &Mmx.Shift<Psrld>);
        table.Add(Code.Psrad_mm_imm8, &Mmx.Shift<Psrad>);
        table.Add(Code.Pslld_mm_imm8, &Mmx.Shift<Pslld>);
        table.Add(Code.Psrlq_mm_imm8, &Mmx.Shift<Psrlq>);
        table.Add(Code.Psllq_mm_imm8, &Mmx.Shift<Psllq>);
    }

    private static void AddConversions(HandlerTable table)
    {
        table.Add(Code.Cvtpi2ps_xmm_mmm64, &Mmx.ToFloats<Cvtpi2ps>, &Mmx.ToFloatsMemory<Cvtpi2ps>);
        table.Add(Code.Cvtpi2pd_xmm_mmm64, &Mmx.ToFloats<Cvtdq2pd>, &Mmx.ToFloatsMemory<Cvtdq2pd>);
        table.Add(Code.Cvtps2pi_mm_xmmm64, &Mmx.FromLowerFloats<SinglesToIntegers<Rounded>>, &Mmx.FromFloatsMemory64<SinglesToIntegers<Rounded>>);
        table.Add(Code.Cvtpd2pi_mm_xmmm128, &Mmx.FromFloats<DoublesToIntegers<Rounded>>, &Mmx.FromFloatsMemory128<DoublesToIntegers<Rounded>>);
        table.Add(Code.Cvttps2pi_mm_xmmm64, &Mmx.FromLowerFloats<SinglesToIntegers<Truncated>>, &Mmx.FromFloatsMemory64<SinglesToIntegers<Truncated>>);
        table.Add(Code.Cvttpd2pi_mm_xmmm128, &Mmx.FromFloats<DoublesToIntegers<Truncated>>, &Mmx.FromFloatsMemory128<DoublesToIntegers<Truncated>>);
    }

    private static void Packed<T>(HandlerTable table, Code code) where T : IVectorOperation =>
        table.Add(code, &Mmx.Register<T>, &Mmx.Memory<T>);
}

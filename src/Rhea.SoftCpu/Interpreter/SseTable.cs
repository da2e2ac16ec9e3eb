using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler an SSE, SSE2 or SSE3 instruction has.</summary>
/// <remarks>UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.</remarks>
internal static unsafe class SseTable
{
    public static void Add(HandlerTable table)
    {
        AddWholeMoves(table);
        AddPartMoves(table);
        AddIntegers(table);
        AddBitsAndShuffles(table);
        AddShifts(table);
        AddArithmetic(table);
        AddConversions(table);
    }

    private static void AddWholeMoves(HandlerTable table)
    {
        table.Add(Code.Movaps_xmm_xmmm128, &SseMoves.Copy, &SseMoves.LoadAligned);
        table.Add(Code.Movaps_xmmm128_xmm, &SseMoves.Copy, &SseMoves.StoreAligned);
        table.Add(Code.Movapd_xmm_xmmm128, &SseMoves.Copy, &SseMoves.LoadAligned);
        table.Add(Code.Movapd_xmmm128_xmm, &SseMoves.Copy, &SseMoves.StoreAligned);
        table.Add(Code.Movdqa_xmm_xmmm128, &SseMoves.Copy, &SseMoves.LoadAligned);
        table.Add(Code.Movdqa_xmmm128_xmm, &SseMoves.Copy, &SseMoves.StoreAligned);
        table.Add(Code.Movups_xmm_xmmm128, &SseMoves.Copy, &SseMoves.Load);
        table.Add(Code.Movups_xmmm128_xmm, &SseMoves.Copy, &SseMoves.Store);
        table.Add(Code.Movupd_xmm_xmmm128, &SseMoves.Copy, &SseMoves.Load);
        table.Add(Code.Movupd_xmmm128_xmm, &SseMoves.Copy, &SseMoves.Store);
        table.Add(Code.Movdqu_xmm_xmmm128, &SseMoves.Copy, &SseMoves.Load);
        table.Add(Code.Movdqu_xmmm128_xmm, &SseMoves.Copy, &SseMoves.Store);
        table.Add(Code.Movntps_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.Movntpd_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.Movntdq_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.Lddqu_xmm_m128, &SseMoves.Load);
    }

    private static void AddPartMoves(HandlerTable table)
    {
        table.Add(Code.Movss_xmm_xmmm32, &SseMoves.CopyPart<uint>, &SseMoves.EnterMemory<uint>);
        table.Add(Code.Movss_xmmm32_xmm, &SseMoves.CopyPart<uint>, &SseMoves.ExitMemory<uint>);
        table.Add(Code.Movsd_xmm_xmmm64, &SseMoves.CopyPart<ulong>, &SseMoves.EnterMemory<ulong>);
        table.Add(Code.Movsd_xmmm64_xmm, &SseMoves.CopyPart<ulong>, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Movd_xmm_rm32, &SseMoves.Enter<uint>, &SseMoves.EnterMemory<uint>);
        table.Add(Code.Movd_rm32_xmm, &SseMoves.Exit<uint>, &SseMoves.ExitMemory<uint>);
        table.Add(Code.Movq_xmm_rm64, &SseMoves.Enter<ulong>, &SseMoves.EnterMemory<ulong>);
        table.Add(Code.Movq_rm64_xmm, &SseMoves.Exit<ulong>, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Movq_xmm_xmmm64, &SseMoves.Enter<ulong>, &SseMoves.EnterMemory<ulong>);
        table.Add(Code.Movq_xmmm64_xmm, &SseMoves.Enter<ulong>, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Movhlps_xmm_xmm, &Sse.Register<Movhlps>);
        table.Add(Code.Movlhps_xmm_xmm, &Sse.Register<Movlhps>);
        table.Add(Code.Movlps_xmm_m64, &SseMoves.LoadLow);
        table.Add(Code.Movlps_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Movhps_xmm_m64, &SseMoves.LoadHigh);
        table.Add(Code.Movhps_m64_xmm, &SseMoves.StoreHigh);
        table.Add(Code.Movlpd_xmm_m64, &SseMoves.LoadLow);
        table.Add(Code.Movlpd_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Movhpd_xmm_m64, &SseMoves.LoadHigh);
        table.Add(Code.Movhpd_m64_xmm, &SseMoves.StoreHigh);
        table.Add(Code.Pinsrw_xmm_r32m16_imm8, &SseMoves.InsertWord, &SseMoves.InsertWordMemory);
        table.Add(Code.Pextrw_r32_xmm_imm8, &SseMoves.ExtractWord);
        table.Add(Code.Pmovmskb_r32_xmm, &SseMoves.ByteMask);
        table.Add(Code.Movmskps_r32_xmm, &SseMoves.SingleMask);
        table.Add(Code.Movmskpd_r32_xmm, &SseMoves.DoubleMask);
        table.Add(Code.Pinsrw_xmm_r64m16_imm8, &SseMoves.InsertWord, &SseMoves.InsertWordMemory);
        table.Add(Code.Pextrw_r64_xmm_imm8, &SseMoves.ExtractWord);
        table.Add(Code.Pmovmskb_r64_xmm, &SseMoves.ByteMask);
        table.Add(Code.Movmskps_r64_xmm, &SseMoves.SingleMask);
        table.Add(Code.Movmskpd_r64_xmm, &SseMoves.DoubleMask);
        table.Add(Code.Maskmovdqu_rDI_xmm_xmm, &SseMoves.StoreMasked);
        table.Add(Code.Movnti_m32_r32, &SseMoves.StoreGeneral<uint>);
        table.Add(Code.Movnti_m64_r64, &SseMoves.StoreGeneral<ulong>);
        table.Add(Code.Ldmxcsr_m32, &SseMoves.LoadMxcsr);
        table.Add(Code.Stmxcsr_m32, &SseMoves.StoreMxcsr);
    }

    private static void AddIntegers(HandlerTable table)
    {
        Packed<Paddb>(table, Code.Paddb_xmm_xmmm128);
        Packed<Psubb>(table, Code.Psubb_xmm_xmmm128);
        Packed<Paddw>(table, Code.Paddw_xmm_xmmm128);
        Packed<Psubw>(table, Code.Psubw_xmm_xmmm128);
        Packed<Paddd>(table, Code.Paddd_xmm_xmmm128);
        Packed<Psubd>(table, Code.Psubd_xmm_xmmm128);
        Packed<Paddq>(table, Code.Paddq_xmm_xmmm128);
        Packed<Psubq>(table, Code.Psubq_xmm_xmmm128);
        Packed<Paddsb>(table, Code.Paddsb_xmm_xmmm128);
        Packed<Paddusb>(table, Code.Paddusb_xmm_xmmm128);
        Packed<Psubsb>(table, Code.Psubsb_xmm_xmmm128);
        Packed<Psubusb>(table, Code.Psubusb_xmm_xmmm128);
        Packed<Paddsw>(table, Code.Paddsw_xmm_xmmm128);
        Packed<Paddusw>(table, Code.Paddusw_xmm_xmmm128);
        Packed<Psubsw>(table, Code.Psubsw_xmm_xmmm128);
        Packed<Psubusw>(table, Code.Psubusw_xmm_xmmm128);
        Packed<Pand>(table, Code.Pand_xmm_xmmm128);
        Packed<Pandn>(table, Code.Pandn_xmm_xmmm128);
        Packed<Por>(table, Code.Por_xmm_xmmm128);
        Packed<Pxor>(table, Code.Pxor_xmm_xmmm128);
        Packed<Pcmpeqb>(table, Code.Pcmpeqb_xmm_xmmm128);
        Packed<Pcmpgtb>(table, Code.Pcmpgtb_xmm_xmmm128);
        Packed<Pcmpeqw>(table, Code.Pcmpeqw_xmm_xmmm128);
        Packed<Pcmpgtw>(table, Code.Pcmpgtw_xmm_xmmm128);
        Packed<Pcmpeqd>(table, Code.Pcmpeqd_xmm_xmmm128);
        Packed<Pcmpgtd>(table, Code.Pcmpgtd_xmm_xmmm128);
        Packed<Pminub>(table, Code.Pminub_xmm_xmmm128);
        Packed<Pmaxub>(table, Code.Pmaxub_xmm_xmmm128);
        Packed<Pminsw>(table, Code.Pminsw_xmm_xmmm128);
        Packed<Pmaxsw>(table, Code.Pmaxsw_xmm_xmmm128);
        Packed<Pmullw>(table, Code.Pmullw_xmm_xmmm128);
        Packed<Pmulhw>(table, Code.Pmulhw_xmm_xmmm128);
        Packed<Pmulhuw>(table, Code.Pmulhuw_xmm_xmmm128);
        Packed<Pmuludq>(table, Code.Pmuludq_xmm_xmmm128);
        Packed<Pmaddwd>(table, Code.Pmaddwd_xmm_xmmm128);
        Packed<Psadbw>(table, Code.Psadbw_xmm_xmmm128);
        Packed<Pavgb>(table, Code.Pavgb_xmm_xmmm128);
        Packed<Pavgw>(table, Code.Pavgw_xmm_xmmm128);
        Packed<Psllw>(table, Code.Psllw_xmm_xmmm128);
        Packed<Psrlw>(table, Code.Psrlw_xmm_xmmm128);
        Packed<Psraw>(table, Code.Psraw_xmm_xmmm128);
        Packed<Pslld>(table, Code.Pslld_xmm_xmmm128);
        Packed<Psrld>(table, Code.Psrld_xmm_xmmm128);
        Packed<Psrad>(table, Code.Psrad_xmm_xmmm128);
        Packed<Psllq>(table, Code.Psllq_xmm_xmmm128);
        Packed<Psrlq>(table, Code.Psrlq_xmm_xmmm128);
        Packed<Packsswb>(table, Code.Packsswb_xmm_xmmm128);
        Packed<Packssdw>(table, Code.Packssdw_xmm_xmmm128);
        Packed<Packuswb>(table, Code.Packuswb_xmm_xmmm128);
        Packed<Punpcklbw>(table, Code.Punpcklbw_xmm_xmmm128);
        Packed<Punpckhbw>(table, Code.Punpckhbw_xmm_xmmm128);
        Packed<Punpcklwd>(table, Code.Punpcklwd_xmm_xmmm128);
        Packed<Punpckhwd>(table, Code.Punpckhwd_xmm_xmmm128);
        Packed<Punpckldq>(table, Code.Punpckldq_xmm_xmmm128);
        Packed<Punpckhdq>(table, Code.Punpckhdq_xmm_xmmm128);
        Packed<Punpcklqdq>(table, Code.Punpcklqdq_xmm_xmmm128);
        Packed<Punpckhqdq>(table, Code.Punpckhqdq_xmm_xmmm128);
    }

    private static void AddBitsAndShuffles(HandlerTable table)
    {
        Packed<Pand>(table, Code.Andps_xmm_xmmm128);
        Packed<Pand>(table, Code.Andpd_xmm_xmmm128);
        Packed<Pandn>(table, Code.Andnps_xmm_xmmm128);
        Packed<Pandn>(table, Code.Andnpd_xmm_xmmm128);
        Packed<Por>(table, Code.Orps_xmm_xmmm128);
        Packed<Por>(table, Code.Orpd_xmm_xmmm128);
        Packed<Pxor>(table, Code.Xorps_xmm_xmmm128);
        Packed<Pxor>(table, Code.Xorpd_xmm_xmmm128);
        Packed<Punpckldq>(table, Code.Unpcklps_xmm_xmmm128);
        Packed<Punpckhdq>(table, Code.Unpckhps_xmm_xmmm128);
        Packed<Punpcklqdq>(table, Code.Unpcklpd_xmm_xmmm128);
        Packed<Punpckhqdq>(table, Code.Unpckhpd_xmm_xmmm128);
        Packed<Movsldup>(table, Code.Movsldup_xmm_xmmm128);
        Packed<Movshdup>(table, Code.Movshdup_xmm_xmmm128);
        Packed<Pshufd>(table, Code.Pshufd_xmm_xmmm128_imm8);
        Packed<Pshufhw>(table, Code.Pshufhw_xmm_xmmm128_imm8);
        Packed<Pshuflw>(table, Code.Pshuflw_xmm_xmmm128_imm8);
        Packed<Shufps>(table, Code.Shufps_xmm_xmmm128_imm8);
        Packed<Shufpd>(table, Code.Shufpd_xmm_xmmm128_imm8);
        table.Add(Code.Movddup_xmm_xmmm64, &Sse.Register<Movddup>, &Sse.MemoryPart<Movddup, ulong>);
    }

    private static void AddShifts(HandlerTable table)
    {
        table.Add(Code.Psllw_xmm_imm8, &Sse.Shift<Psllw>);
        table.Add(Code.Pslld_xmm_imm8, &Sse.Shift<Pslld>);
        table.Add(Code.Psllq_xmm_imm8, &Sse.Shift<Psllq>);
        table.Add(Code.Psrlw_xmm_imm8, &Sse.Shift<Psrlw>);
        table.Add(Code.Psrld_xmm_imm8, &Sse.Shift<Psrld>);
        table.Add(Code.Psrlq_xmm_imm8, &Sse.Shift<Psrlq>);
        table.Add(Code.Psraw_xmm_imm8, &Sse.Shift<Psraw>);
        table.Add(Code.Psrad_xmm_imm8, &Sse.Shift<Psrad>);
        table.Add(Code.Pslldq_xmm_imm8, &Sse.Shift<Pslldq>);
        table.Add(Code.Psrldq_xmm_imm8, &Sse.Shift<Psrldq>);
    }

    private static void AddArithmetic(HandlerTable table)
    {
        Float<AddFloat>(table, Code.Addps_xmm_xmmm128, Code.Addpd_xmm_xmmm128, Code.Addss_xmm_xmmm32, Code.Addsd_xmm_xmmm64);
        Float<SubtractFloat>(table, Code.Subps_xmm_xmmm128, Code.Subpd_xmm_xmmm128, Code.Subss_xmm_xmmm32, Code.Subsd_xmm_xmmm64);
        Float<MultiplyFloat>(table, Code.Mulps_xmm_xmmm128, Code.Mulpd_xmm_xmmm128, Code.Mulss_xmm_xmmm32, Code.Mulsd_xmm_xmmm64);
        Float<DivideFloat>(table, Code.Divps_xmm_xmmm128, Code.Divpd_xmm_xmmm128, Code.Divss_xmm_xmmm32, Code.Divsd_xmm_xmmm64);
        Float<MinFloat>(table, Code.Minps_xmm_xmmm128, Code.Minpd_xmm_xmmm128, Code.Minss_xmm_xmmm32, Code.Minsd_xmm_xmmm64);
        Float<MaxFloat>(table, Code.Maxps_xmm_xmmm128, Code.Maxpd_xmm_xmmm128, Code.Maxss_xmm_xmmm32, Code.Maxsd_xmm_xmmm64);
        Float<SquareRootFloat>(table, Code.Sqrtps_xmm_xmmm128, Code.Sqrtpd_xmm_xmmm128, Code.Sqrtss_xmm_xmmm32, Code.Sqrtsd_xmm_xmmm64);
        Float<CompareFloat>(table, Code.Cmpps_xmm_xmmm128_imm8, Code.Cmppd_xmm_xmmm128_imm8, Code.Cmpss_xmm_xmmm32_imm8, Code.Cmpsd_xmm_xmmm64_imm8);
        PackedFloat<PackedSingle<Reciprocal>>(table, Code.Rcpps_xmm_xmmm128);
        table.Add(Code.Rcpss_xmm_xmmm32, &Sse.FloatRegister<ScalarSingle<Reciprocal>>, &Sse.FloatMemory32<ScalarSingle<Reciprocal>>);
        PackedFloat<PackedSingle<ReciprocalSquareRoot>>(table, Code.Rsqrtps_xmm_xmmm128);
        table.Add(Code.Rsqrtss_xmm_xmmm32, &Sse.FloatRegister<ScalarSingle<ReciprocalSquareRoot>>, &Sse.FloatMemory32<ScalarSingle<ReciprocalSquareRoot>>);
        PackedFloat<HorizontalSingle<AddFloat>>(table, Code.Haddps_xmm_xmmm128);
        PackedFloat<HorizontalSingle<SubtractFloat>>(table, Code.Hsubps_xmm_xmmm128);
        PackedFloat<HorizontalDouble<AddFloat>>(table, Code.Haddpd_xmm_xmmm128);
        PackedFloat<HorizontalDouble<SubtractFloat>>(table, Code.Hsubpd_xmm_xmmm128);
        PackedFloat<AddSubtractSingle>(table, Code.Addsubps_xmm_xmmm128);
        PackedFloat<AddSubtractDouble>(table, Code.Addsubpd_xmm_xmmm128);
    }

    private static void AddConversions(HandlerTable table)
    {
        PackedFloat<Cvtpd2ps>(table, Code.Cvtpd2ps_xmm_xmmm128);
        PackedFloat<Cvtdq2ps>(table, Code.Cvtdq2ps_xmm_xmmm128);
        PackedFloat<SinglesToIntegers<Rounded>>(table, Code.Cvtps2dq_xmm_xmmm128);
        PackedFloat<SinglesToIntegers<Truncated>>(table, Code.Cvttps2dq_xmm_xmmm128);
        PackedFloat<DoublesToIntegers<Rounded>>(table, Code.Cvtpd2dq_xmm_xmmm128);
        PackedFloat<DoublesToIntegers<Truncated>>(table, Code.Cvttpd2dq_xmm_xmmm128);
        table.Add(Code.Cvtps2pd_xmm_xmmm64, &Sse.FloatRegister<Cvtps2pd>, &Sse.FloatMemory64<Cvtps2pd>);
        table.Add(Code.Cvtdq2pd_xmm_xmmm64, &Sse.FloatRegister<Cvtdq2pd>, &Sse.FloatMemory64<Cvtdq2pd>);
        table.Add(Code.Cvtss2sd_xmm_xmmm32, &Sse.FloatRegister<Cvtss2sd>, &Sse.FloatMemory32<Cvtss2sd>);
        table.Add(Code.Cvtsd2ss_xmm_xmmm64, &Sse.FloatRegister<Cvtsd2ss>, &Sse.FloatMemory64<Cvtsd2ss>);
        table.Add(Code.Cvtsi2ss_xmm_rm32, &SseScalar.IntegerToSingle<int>, &SseScalar.IntegerToSingleMemory<int>);
        table.Add(Code.Cvtsi2sd_xmm_rm32, &SseScalar.IntegerToDouble<int>, &SseScalar.IntegerToDoubleMemory<int>);
        table.Add(Code.Cvtsi2ss_xmm_rm64, &SseScalar.IntegerToSingle<long>, &SseScalar.IntegerToSingleMemory<long>);
        table.Add(Code.Cvtsi2sd_xmm_rm64, &SseScalar.IntegerToDouble<long>, &SseScalar.IntegerToDoubleMemory<long>);
        table.Add(Code.Cvtss2si_r32_xmmm32, &SseScalar.SingleToInteger<uint, Rounded>, &SseScalar.SingleToIntegerMemory<uint, Rounded>);
        table.Add(Code.Cvttss2si_r32_xmmm32, &SseScalar.SingleToInteger<uint, Truncated>, &SseScalar.SingleToIntegerMemory<uint, Truncated>);
        table.Add(Code.Cvtsd2si_r32_xmmm64, &SseScalar.DoubleToInteger<uint, Rounded>, &SseScalar.DoubleToIntegerMemory<uint, Rounded>);
        table.Add(Code.Cvttsd2si_r32_xmmm64, &SseScalar.DoubleToInteger<uint, Truncated>, &SseScalar.DoubleToIntegerMemory<uint, Truncated>);
        table.Add(Code.Cvtss2si_r64_xmmm32, &SseScalar.SingleToInteger<ulong, Rounded>, &SseScalar.SingleToIntegerMemory<ulong, Rounded>);
        table.Add(Code.Cvttss2si_r64_xmmm32, &SseScalar.SingleToInteger<ulong, Truncated>, &SseScalar.SingleToIntegerMemory<ulong, Truncated>);
        table.Add(Code.Cvtsd2si_r64_xmmm64, &SseScalar.DoubleToInteger<ulong, Rounded>, &SseScalar.DoubleToIntegerMemory<ulong, Rounded>);
        table.Add(Code.Cvttsd2si_r64_xmmm64, &SseScalar.DoubleToInteger<ulong, Truncated>, &SseScalar.DoubleToIntegerMemory<ulong, Truncated>);
        table.Add(Code.Comiss_xmm_xmmm32, &SseScalar.CompareSingle, &SseScalar.CompareSingleMemory);
        table.Add(Code.Ucomiss_xmm_xmmm32, &SseScalar.CompareSingle, &SseScalar.CompareSingleMemory);
        table.Add(Code.Comisd_xmm_xmmm64, &SseScalar.CompareDouble, &SseScalar.CompareDoubleMemory);
        table.Add(Code.Ucomisd_xmm_xmmm64, &SseScalar.CompareDouble, &SseScalar.CompareDoubleMemory);
    }

    private static void Packed<T>(HandlerTable table, Code code) where T : IVectorOperation =>
        table.Add(code, &Sse.Register<T>, &Sse.Memory<T>);

    private static void PackedFloat<T>(HandlerTable table, Code code) where T : IFloatVectorOperation =>
        table.Add(code, &Sse.FloatRegister<T>, &Sse.FloatMemory<T>);

    private static void Float<T>(HandlerTable table, Code ps, Code pd, Code ss, Code sd) where T : IFloatOperation
    {
        PackedFloat<PackedSingle<T>>(table, ps);
        PackedFloat<PackedDouble<T>>(table, pd);
        table.Add(ss, &Sse.FloatRegister<ScalarSingle<T>>, &Sse.FloatMemory32<ScalarSingle<T>>);
        table.Add(sd, &Sse.FloatRegister<ScalarDouble<T>>, &Sse.FloatMemory64<ScalarDouble<T>>);
    }
}

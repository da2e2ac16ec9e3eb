using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler a floating-point instruction of AVX, FMA and F16C has.</summary>
/// <remarks>UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.</remarks>
internal static unsafe class VexFloatTable
{
    public static void Add(HandlerTable table)
    {
        AddArithmetic(table);
        AddConversions(table);
        AddScalarConversions(table);
        AddFused(table);
        AddFusedScalars(table);
    }

    private static void AddArithmetic(HandlerTable table)
    {
        Two<AddFloat>(table, Code.VEX_Vaddps_xmm_xmm_xmmm128, Code.VEX_Vaddpd_xmm_xmm_xmmm128, Code.VEX_Vaddss_xmm_xmm_xmmm32, Code.VEX_Vaddsd_xmm_xmm_xmmm64);
        Two<SubtractFloat>(table, Code.VEX_Vsubps_xmm_xmm_xmmm128, Code.VEX_Vsubpd_xmm_xmm_xmmm128, Code.VEX_Vsubss_xmm_xmm_xmmm32, Code.VEX_Vsubsd_xmm_xmm_xmmm64);
        Two<MultiplyFloat>(table, Code.VEX_Vmulps_xmm_xmm_xmmm128, Code.VEX_Vmulpd_xmm_xmm_xmmm128, Code.VEX_Vmulss_xmm_xmm_xmmm32, Code.VEX_Vmulsd_xmm_xmm_xmmm64);
        Two<DivideFloat>(table, Code.VEX_Vdivps_xmm_xmm_xmmm128, Code.VEX_Vdivpd_xmm_xmm_xmmm128, Code.VEX_Vdivss_xmm_xmm_xmmm32, Code.VEX_Vdivsd_xmm_xmm_xmmm64);
        Two<MinFloat>(table, Code.VEX_Vminps_xmm_xmm_xmmm128, Code.VEX_Vminpd_xmm_xmm_xmmm128, Code.VEX_Vminss_xmm_xmm_xmmm32, Code.VEX_Vminsd_xmm_xmm_xmmm64);
        Two<MaxFloat>(table, Code.VEX_Vmaxps_xmm_xmm_xmmm128, Code.VEX_Vmaxpd_xmm_xmm_xmmm128, Code.VEX_Vmaxss_xmm_xmm_xmmm32, Code.VEX_Vmaxsd_xmm_xmm_xmmm64);
        Two<CompareFloatVex>(table, Code.VEX_Vcmpps_xmm_xmm_xmmm128_imm8, Code.VEX_Vcmppd_xmm_xmm_xmmm128_imm8, Code.VEX_Vcmpss_xmm_xmm_xmmm32_imm8, Code.VEX_Vcmpsd_xmm_xmm_xmmm64_imm8);
        One<SquareRootFloat>(table, Code.VEX_Vsqrtps_xmm_xmmm128, Code.VEX_Vsqrtpd_xmm_xmmm128, Code.VEX_Vsqrtss_xmm_xmm_xmmm32, Code.VEX_Vsqrtsd_xmm_xmm_xmmm64);
        One<RoundFloat>(table, Code.VEX_Vroundps_xmm_xmmm128_imm8, Code.VEX_Vroundpd_xmm_xmmm128_imm8, Code.VEX_Vroundss_xmm_xmm_xmmm32_imm8, Code.VEX_Vroundsd_xmm_xmm_xmmm64_imm8);
        Unary<PackedSingle<Reciprocal>>(table, Code.VEX_Vrcpps_xmm_xmmm128);
        Scalar<ScalarSingle<Reciprocal>, uint>(table, Code.VEX_Vrcpss_xmm_xmm_xmmm32);
        Unary<PackedSingle<ReciprocalSquareRoot>>(table, Code.VEX_Vrsqrtps_xmm_xmmm128);
        Scalar<ScalarSingle<ReciprocalSquareRoot>, uint>(table, Code.VEX_Vrsqrtss_xmm_xmm_xmmm32);
        Binary<HorizontalSingle<AddFloat>>(table, Code.VEX_Vhaddps_xmm_xmm_xmmm128);
        Binary<HorizontalDouble<AddFloat>>(table, Code.VEX_Vhaddpd_xmm_xmm_xmmm128);
        Binary<HorizontalSingle<SubtractFloat>>(table, Code.VEX_Vhsubps_xmm_xmm_xmmm128);
        Binary<HorizontalDouble<SubtractFloat>>(table, Code.VEX_Vhsubpd_xmm_xmm_xmmm128);
        Binary<AddSubtractSingle>(table, Code.VEX_Vaddsubps_xmm_xmm_xmmm128);
        Binary<AddSubtractDouble>(table, Code.VEX_Vaddsubpd_xmm_xmm_xmmm128);
        Binary<DotProductSingle>(table, Code.VEX_Vdpps_xmm_xmm_xmmm128_imm8);
        table.Add(Code.VEX_Vdppd_xmm_xmm_xmmm128_imm8, &VexFloat.Binary<DotProductDouble, SecondRegister>, &VexFloat.Binary<DotProductDouble, MemoryOperand>);
    }

    private static void AddConversions(HandlerTable table)
    {
        Unary<Cvtdq2ps>(table, Code.VEX_Vcvtdq2ps_xmm_xmmm128);
        Unary<SinglesToIntegers<Rounded>>(table, Code.VEX_Vcvtps2dq_xmm_xmmm128);
        Unary<SinglesToIntegers<Truncated>>(table, Code.VEX_Vcvttps2dq_xmm_xmmm128);
        Widen<Cvtps2pd>(table, Code.VEX_Vcvtps2pd_xmm_xmmm64);
        Widen<Cvtdq2pd>(table, Code.VEX_Vcvtdq2pd_xmm_xmmm64);
        Narrow<Cvtpd2ps>(table, Code.VEX_Vcvtpd2ps_xmm_xmmm128);
        Narrow<DoublesToIntegers<Rounded>>(table, Code.VEX_Vcvtpd2dq_xmm_xmmm128);
        Narrow<DoublesToIntegers<Truncated>>(table, Code.VEX_Vcvttpd2dq_xmm_xmmm128);
        table.Add(Code.VEX_Vcvtph2ps_xmm_xmmm64, &HalfFloats.Widen<FirstRegister>, &HalfFloats.Widen<MemoryOperand>);
        table.Add(Code.VEX_Vcvtph2ps_ymm_xmmm128, &HalfFloats.WidenWide<FirstRegister>, &HalfFloats.WidenWide<MemoryOperand>);
        table.Add(Code.VEX_Vcvtps2ph_xmmm64_xmm_imm8, &HalfFloats.Narrow, &HalfFloats.NarrowMemory);
        table.Add(Code.VEX_Vcvtps2ph_xmmm128_ymm_imm8, &HalfFloats.NarrowWide, &HalfFloats.NarrowWideMemory);
    }

    private static void AddScalarConversions(HandlerTable table)
    {
        Scalar<Cvtss2sd, uint>(table, Code.VEX_Vcvtss2sd_xmm_xmm_xmmm32);
        Scalar<Cvtsd2ss, ulong>(table, Code.VEX_Vcvtsd2ss_xmm_xmm_xmmm64);
        table.Add(Code.VEX_Vcvtsi2ss_xmm_xmm_rm32, &VexLanes.ToSingle<int, SecondRegister>, &VexLanes.ToSingle<int, MemoryOperand>);
        table.Add(Code.VEX_Vcvtsi2sd_xmm_xmm_rm32, &VexLanes.ToDouble<int, SecondRegister>, &VexLanes.ToDouble<int, MemoryOperand>);
        table.Add(Code.VEX_Vcvtsi2ss_xmm_xmm_rm64, &VexLanes.ToSingle<long, SecondRegister>, &VexLanes.ToSingle<long, MemoryOperand>);
        table.Add(Code.VEX_Vcvtsi2sd_xmm_xmm_rm64, &VexLanes.ToDouble<long, SecondRegister>, &VexLanes.ToDouble<long, MemoryOperand>);
        table.Add(Code.VEX_Vcvtss2si_r32_xmmm32, &SseScalar.SingleToInteger<uint, Rounded>, &SseScalar.SingleToIntegerMemory<uint, Rounded>);
        table.Add(Code.VEX_Vcvtsd2si_r32_xmmm64, &SseScalar.DoubleToInteger<uint, Rounded>, &SseScalar.DoubleToIntegerMemory<uint, Rounded>);
        table.Add(Code.VEX_Vcvttss2si_r32_xmmm32, &SseScalar.SingleToInteger<uint, Truncated>, &SseScalar.SingleToIntegerMemory<uint, Truncated>);
        table.Add(Code.VEX_Vcvttsd2si_r32_xmmm64, &SseScalar.DoubleToInteger<uint, Truncated>, &SseScalar.DoubleToIntegerMemory<uint, Truncated>);
        table.Add(Code.VEX_Vcvtss2si_r64_xmmm32, &SseScalar.SingleToInteger<ulong, Rounded>, &SseScalar.SingleToIntegerMemory<ulong, Rounded>);
        table.Add(Code.VEX_Vcvtsd2si_r64_xmmm64, &SseScalar.DoubleToInteger<ulong, Rounded>, &SseScalar.DoubleToIntegerMemory<ulong, Rounded>);
        table.Add(Code.VEX_Vcvttss2si_r64_xmmm32, &SseScalar.SingleToInteger<ulong, Truncated>, &SseScalar.SingleToIntegerMemory<ulong, Truncated>);
        table.Add(Code.VEX_Vcvttsd2si_r64_xmmm64, &SseScalar.DoubleToInteger<ulong, Truncated>, &SseScalar.DoubleToIntegerMemory<ulong, Truncated>);
        table.Add(Code.VEX_Vcomiss_xmm_xmmm32, &SseScalar.CompareSingle, &SseScalar.CompareSingleMemory);
        table.Add(Code.VEX_Vcomisd_xmm_xmmm64, &SseScalar.CompareDouble, &SseScalar.CompareDoubleMemory);
        table.Add(Code.VEX_Vucomiss_xmm_xmmm32, &SseScalar.CompareSingle, &SseScalar.CompareSingleMemory);
        table.Add(Code.VEX_Vucomisd_xmm_xmmm64, &SseScalar.CompareDouble, &SseScalar.CompareDoubleMemory);
    }

    private static void AddFused(HandlerTable table)
    {
        Fused<Order132, MultiplyAddSubtract>(table, Code.VEX_Vfmaddsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub132pd_xmm_xmm_xmmm128);
        Fused<Order213, MultiplyAddSubtract>(table, Code.VEX_Vfmaddsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub213pd_xmm_xmm_xmmm128);
        Fused<Order231, MultiplyAddSubtract>(table, Code.VEX_Vfmaddsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub231pd_xmm_xmm_xmmm128);
        Fused<Order132, MultiplySubtractAdd>(table, Code.VEX_Vfmsubadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd132pd_xmm_xmm_xmmm128);
        Fused<Order213, MultiplySubtractAdd>(table, Code.VEX_Vfmsubadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd213pd_xmm_xmm_xmmm128);
        Fused<Order231, MultiplySubtractAdd>(table, Code.VEX_Vfmsubadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd231pd_xmm_xmm_xmmm128);
        Fused<Order132, MultiplyAdd>(table, Code.VEX_Vfmadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd132pd_xmm_xmm_xmmm128);
        Fused<Order213, MultiplyAdd>(table, Code.VEX_Vfmadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd213pd_xmm_xmm_xmmm128);
        Fused<Order231, MultiplyAdd>(table, Code.VEX_Vfmadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd231pd_xmm_xmm_xmmm128);
        Fused<Order132, MultiplySubtract>(table, Code.VEX_Vfmsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub132pd_xmm_xmm_xmmm128);
        Fused<Order213, MultiplySubtract>(table, Code.VEX_Vfmsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub213pd_xmm_xmm_xmmm128);
        Fused<Order231, MultiplySubtract>(table, Code.VEX_Vfmsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub231pd_xmm_xmm_xmmm128);
        Fused<Order132, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd132pd_xmm_xmm_xmmm128);
        Fused<Order213, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd213pd_xmm_xmm_xmmm128);
        Fused<Order231, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd231pd_xmm_xmm_xmmm128);
        Fused<Order132, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub132pd_xmm_xmm_xmmm128);
        Fused<Order213, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub213pd_xmm_xmm_xmmm128);
        Fused<Order231, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub231pd_xmm_xmm_xmmm128);
    }

    private static void AddFusedScalars(HandlerTable table)
    {
        FusedScalar<Order132, MultiplyAdd>(table, Code.VEX_Vfmadd132ss_xmm_xmm_xmmm32, Code.VEX_Vfmadd132sd_xmm_xmm_xmmm64);
        FusedScalar<Order213, MultiplyAdd>(table, Code.VEX_Vfmadd213ss_xmm_xmm_xmmm32, Code.VEX_Vfmadd213sd_xmm_xmm_xmmm64);
        FusedScalar<Order231, MultiplyAdd>(table, Code.VEX_Vfmadd231ss_xmm_xmm_xmmm32, Code.VEX_Vfmadd231sd_xmm_xmm_xmmm64);
        FusedScalar<Order132, MultiplySubtract>(table, Code.VEX_Vfmsub132ss_xmm_xmm_xmmm32, Code.VEX_Vfmsub132sd_xmm_xmm_xmmm64);
        FusedScalar<Order213, MultiplySubtract>(table, Code.VEX_Vfmsub213ss_xmm_xmm_xmmm32, Code.VEX_Vfmsub213sd_xmm_xmm_xmmm64);
        FusedScalar<Order231, MultiplySubtract>(table, Code.VEX_Vfmsub231ss_xmm_xmm_xmmm32, Code.VEX_Vfmsub231sd_xmm_xmm_xmmm64);
        FusedScalar<Order132, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd132ss_xmm_xmm_xmmm32, Code.VEX_Vfnmadd132sd_xmm_xmm_xmmm64);
        FusedScalar<Order213, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd213ss_xmm_xmm_xmmm32, Code.VEX_Vfnmadd213sd_xmm_xmm_xmmm64);
        FusedScalar<Order231, NegativeMultiplyAdd>(table, Code.VEX_Vfnmadd231ss_xmm_xmm_xmmm32, Code.VEX_Vfnmadd231sd_xmm_xmm_xmmm64);
        FusedScalar<Order132, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub132ss_xmm_xmm_xmmm32, Code.VEX_Vfnmsub132sd_xmm_xmm_xmmm64);
        FusedScalar<Order213, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub213ss_xmm_xmm_xmmm32, Code.VEX_Vfnmsub213sd_xmm_xmm_xmmm64);
        FusedScalar<Order231, NegativeMultiplySubtract>(table, Code.VEX_Vfnmsub231ss_xmm_xmm_xmmm32, Code.VEX_Vfnmsub231sd_xmm_xmm_xmmm64);
    }

    private static void Fused<TOrder, TSigns>(HandlerTable table, Code ps, Code pd) where TOrder : IFusedOrder where TSigns : IFusedSigns
    {
        table.Add(ps, &Interpreter.Fused<TOrder, TSigns>.PackedSingle<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.PackedSingle<MemoryOperand>);
        table.Add(ps + 1, &Interpreter.Fused<TOrder, TSigns>.PackedSingleWide<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.PackedSingleWide<MemoryOperand>);
        table.Add(pd, &Interpreter.Fused<TOrder, TSigns>.PackedDouble<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.PackedDouble<MemoryOperand>);
        table.Add(pd + 1, &Interpreter.Fused<TOrder, TSigns>.PackedDoubleWide<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.PackedDoubleWide<MemoryOperand>);
    }

    private static void FusedScalar<TOrder, TSigns>(HandlerTable table, Code ss, Code sd) where TOrder : IFusedOrder where TSigns : IFusedSigns
    {
        table.Add(ss, &Interpreter.Fused<TOrder, TSigns>.ScalarSingle<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.ScalarSingle<MemoryOperand>);
        table.Add(sd, &Interpreter.Fused<TOrder, TSigns>.ScalarDouble<SecondRegister>, &Interpreter.Fused<TOrder, TSigns>.ScalarDouble<MemoryOperand>);
    }

    private static void Unary<T>(HandlerTable table, Code code) where T : IFloatVectorOperation
    {
        table.Add(code, &VexFloat.Unary<T, FirstRegister>, &VexFloat.Unary<T, MemoryOperand>);
        table.Add(code + 1, &VexFloat.UnaryWide<T, FirstRegister>, &VexFloat.UnaryWide<T, MemoryOperand>);
    }

    private static void Binary<T>(HandlerTable table, Code code) where T : IFloatVectorOperation
    {
        table.Add(code, &VexFloat.Binary<T, SecondRegister>, &VexFloat.Binary<T, MemoryOperand>);
        table.Add(code + 1, &VexFloat.BinaryWide<T, SecondRegister>, &VexFloat.BinaryWide<T, MemoryOperand>);
    }

    private static void Scalar<T, TPart>(HandlerTable table, Code code) where T : IFloatVectorOperation where TPart : unmanaged, IBinaryInteger<TPart> =>
        table.Add(code, &VexFloat.Scalar<T, SecondRegister, TPart>, &VexFloat.Scalar<T, MemoryOperand, TPart>);

    private static void Widen<T>(HandlerTable table, Code code) where T : IFloatVectorOperation
    {
        table.Add(code, &VexFloat.Widen<T, FirstRegister>, &VexFloat.Widen<T, MemoryOperand>);
        table.Add(code + 1, &VexFloat.WidenWide<T, FirstRegister>, &VexFloat.WidenWide<T, MemoryOperand>);
    }

    private static void Narrow<T>(HandlerTable table, Code code) where T : IFloatVectorOperation
    {
        table.Add(code, &VexFloat.Unary<T, FirstRegister>, &VexFloat.Unary<T, MemoryOperand>);
        table.Add(code + 1, &VexFloat.NarrowWide<T, FirstRegister>, &VexFloat.NarrowWide<T, MemoryOperand>);
    }

    private static void One<T>(HandlerTable table, Code ps, Code pd, Code ss, Code sd) where T : IFloatOperation
    {
        Unary<PackedSingle<T>>(table, ps);
        Unary<PackedDouble<T>>(table, pd);
        Scalar<ScalarSingle<T>, uint>(table, ss);
        Scalar<ScalarDouble<T>, ulong>(table, sd);
    }

    private static void Two<T>(HandlerTable table, Code ps, Code pd, Code ss, Code sd) where T : IFloatOperation
    {
        Binary<PackedSingle<T>>(table, ps);
        Binary<PackedDouble<T>>(table, pd);
        Scalar<ScalarSingle<T>, uint>(table, ss);
        Scalar<ScalarDouble<T>, ulong>(table, sd);
    }
}

using System.Numerics;
using System.Runtime.Intrinsics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler an instruction of AVX and AVX2 has: mostly what SSE computes, in another shape.</summary>
/// <remarks>
/// The form of 256 bits follows that of 128 in Iced's numbers.
/// UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.
/// </remarks>
internal static unsafe class VexTable
{
    public static void Add(HandlerTable table)
    {
        AddMoves(table);
        AddStores(table);
        AddIntegers(table);
        AddSaturating(table);
        AddComparisons(table);
        AddShuffles(table);
        AddShifts(table);
        AddExtensions(table);
        AddLanes(table);
        AddHalves(table);
        AddMasks(table);
        AddGathers(table);
        AddStrings(table);
        AddCryptography(table);
    }

    private static void AddMoves(HandlerTable table)
    {
        AlignedMove(table, Code.VEX_Vmovaps_xmm_xmmm128, Code.VEX_Vmovaps_xmmm128_xmm);
        AlignedMove(table, Code.VEX_Vmovapd_xmm_xmmm128, Code.VEX_Vmovapd_xmmm128_xmm);
        AlignedMove(table, Code.VEX_Vmovdqa_xmm_xmmm128, Code.VEX_Vmovdqa_xmmm128_xmm);
        Move(table, Code.VEX_Vmovups_xmm_xmmm128, Code.VEX_Vmovups_xmmm128_xmm);
        Move(table, Code.VEX_Vmovupd_xmm_xmmm128, Code.VEX_Vmovupd_xmmm128_xmm);
        Move(table, Code.VEX_Vmovdqu_xmm_xmmm128, Code.VEX_Vmovdqu_xmmm128_xmm);
        table.Add(Code.VEX_Vlddqu_xmm_m128, &Vex.Unary<Copy, MemoryOperand>);
        table.Add(Code.VEX_Vlddqu_ymm_m256, &Vex.UnaryWide<Copy, MemoryOperand>);
        table.Add(Code.VEX_Vmovntdqa_xmm_m128, &Vex.Unary<Copy, AlignedOperand>);
        table.Add(Code.VEX_Vmovntdqa_ymm_m256, &Vex.UnaryWide<Copy, AlignedOperand>);
        table.Add(Code.VEX_Vmovss_xmm_xmm_xmm, &Vex.Binary<LowestLane<uint>, SecondRegister>);
        table.Add(Code.VEX_Vmovss_xmm_xmm_xmm_0F11, &Vex.Binary<LowestLane<uint>, SecondRegister>);
        table.Add(Code.VEX_Vmovss_xmm_m32, &Vex.UnaryPart<Copy, MemoryOperand, uint>);
        table.Add(Code.VEX_Vmovsd_xmm_xmm_xmm, &Vex.Binary<LowestLane<ulong>, SecondRegister>);
        table.Add(Code.VEX_Vmovsd_xmm_xmm_xmm_0F11, &Vex.Binary<LowestLane<ulong>, SecondRegister>);
        table.Add(Code.VEX_Vmovsd_xmm_m64, &Vex.UnaryPart<Copy, MemoryOperand, ulong>);
        table.Add(Code.VEX_Vmovhlps_xmm_xmm_xmm, &Vex.Binary<Movhlps, SecondRegister>);
        table.Add(Code.VEX_Vmovlhps_xmm_xmm_xmm, &Vex.Binary<Movlhps, SecondRegister>);
        table.Add(Code.VEX_Vmovlps_xmm_xmm_m64, &Vex.BinaryPart<LowestLane<ulong>, MemoryOperand, ulong>);
        table.Add(Code.VEX_Vmovhps_xmm_xmm_m64, &Vex.BinaryPart<Movlhps, MemoryOperand, ulong>);
        table.Add(Code.VEX_Vmovlpd_xmm_xmm_m64, &Vex.BinaryPart<LowestLane<ulong>, MemoryOperand, ulong>);
        table.Add(Code.VEX_Vmovhpd_xmm_xmm_m64, &Vex.BinaryPart<Movlhps, MemoryOperand, ulong>);
        Part<Copy, uint>(table, Code.VEX_Vmovd_xmm_rm32);
        Part<Copy, ulong>(table, Code.VEX_Vmovq_xmm_rm64);
        Part<Copy, ulong>(table, Code.VEX_Vmovq_xmm_xmmm64);
        table.Add(Code.VEX_Vmovq_xmmm64_xmm, &Vex.UnaryPart<Copy, FirstRegister, ulong>, &SseMoves.ExitMemory<ulong>);
    }

    private static void AddStores(HandlerTable table)
    {
        table.Add(Code.VEX_Vmovntps_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.VEX_Vmovntps_m256_ymm, &VexLanes.StoreAligned<Vector256<byte>>);
        table.Add(Code.VEX_Vmovntpd_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.VEX_Vmovntpd_m256_ymm, &VexLanes.StoreAligned<Vector256<byte>>);
        table.Add(Code.VEX_Vmovntdq_m128_xmm, &SseMoves.StoreAligned);
        table.Add(Code.VEX_Vmovntdq_m256_ymm, &VexLanes.StoreAligned<Vector256<byte>>);
        table.Add(Code.VEX_Vmovss_m32_xmm, &SseMoves.ExitMemory<uint>);
        table.Add(Code.VEX_Vmovsd_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.VEX_Vmovlps_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.VEX_Vmovhps_m64_xmm, &SseMoves.StoreHigh);
        table.Add(Code.VEX_Vmovlpd_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.VEX_Vmovhpd_m64_xmm, &SseMoves.StoreHigh);
        table.Add(Code.VEX_Vmovd_rm32_xmm, &SseMoves.Exit<uint>, &SseMoves.ExitMemory<uint>);
        table.Add(Code.VEX_Vmovq_rm64_xmm, &SseMoves.Exit<ulong>, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.VEX_Vmaskmovdqu_rDI_xmm_xmm, &SseMoves.StoreMasked);
        table.Add(Code.VEX_Vldmxcsr_m32, &SseMoves.LoadMxcsr);
        table.Add(Code.VEX_Vstmxcsr_m32, &SseMoves.StoreMxcsr);
        table.Add(Code.VEX_Vzeroupper, &VexLanes.ZeroUpper);
        table.Add(Code.VEX_Vzeroall, &VexLanes.ZeroAll);
    }

    private static void AddIntegers(HandlerTable table)
    {
        Two<Paddb>(table, Code.VEX_Vpaddb_xmm_xmm_xmmm128);
        Two<Psubb>(table, Code.VEX_Vpsubb_xmm_xmm_xmmm128);
        Two<Paddw>(table, Code.VEX_Vpaddw_xmm_xmm_xmmm128);
        Two<Psubw>(table, Code.VEX_Vpsubw_xmm_xmm_xmmm128);
        Two<Paddd>(table, Code.VEX_Vpaddd_xmm_xmm_xmmm128);
        Two<Psubd>(table, Code.VEX_Vpsubd_xmm_xmm_xmmm128);
        Two<Paddq>(table, Code.VEX_Vpaddq_xmm_xmm_xmmm128);
        Two<Psubq>(table, Code.VEX_Vpsubq_xmm_xmm_xmmm128);
        Two<Pand>(table, Code.VEX_Vpand_xmm_xmm_xmmm128);
        Two<Pandn>(table, Code.VEX_Vpandn_xmm_xmm_xmmm128);
        Two<Por>(table, Code.VEX_Vpor_xmm_xmm_xmmm128);
        Two<Pxor>(table, Code.VEX_Vpxor_xmm_xmm_xmmm128);
        Two<Pmullw>(table, Code.VEX_Vpmullw_xmm_xmm_xmmm128);
        Two<Pmulhw>(table, Code.VEX_Vpmulhw_xmm_xmm_xmmm128);
        Two<Pmulhuw>(table, Code.VEX_Vpmulhuw_xmm_xmm_xmmm128);
        Two<Pmuludq>(table, Code.VEX_Vpmuludq_xmm_xmm_xmmm128);
        Two<Pmaddwd>(table, Code.VEX_Vpmaddwd_xmm_xmm_xmmm128);
        Two<Psadbw>(table, Code.VEX_Vpsadbw_xmm_xmm_xmmm128);
        Two<Pavgb>(table, Code.VEX_Vpavgb_xmm_xmm_xmmm128);
        Two<Pavgw>(table, Code.VEX_Vpavgw_xmm_xmm_xmmm128);
        Two<Phaddw>(table, Code.VEX_Vphaddw_xmm_xmm_xmmm128);
        Two<Phaddd>(table, Code.VEX_Vphaddd_xmm_xmm_xmmm128);
        Two<Phsubw>(table, Code.VEX_Vphsubw_xmm_xmm_xmmm128);
        Two<Phsubd>(table, Code.VEX_Vphsubd_xmm_xmm_xmmm128);
        Two<Pmulhrsw>(table, Code.VEX_Vpmulhrsw_xmm_xmm_xmmm128);
        Two<Pmulld>(table, Code.VEX_Vpmulld_xmm_xmm_xmmm128);
        Two<Pmuldq>(table, Code.VEX_Vpmuldq_xmm_xmm_xmmm128);
        Two<Psign<sbyte>>(table, Code.VEX_Vpsignb_xmm_xmm_xmmm128);
        Two<Psign<short>>(table, Code.VEX_Vpsignw_xmm_xmm_xmmm128);
        Two<Psign<int>>(table, Code.VEX_Vpsignd_xmm_xmm_xmmm128);
        One<Pabs<sbyte>>(table, Code.VEX_Vpabsb_xmm_xmmm128);
        One<Pabs<short>>(table, Code.VEX_Vpabsw_xmm_xmmm128);
        One<Pabs<int>>(table, Code.VEX_Vpabsd_xmm_xmmm128);
        Two<Mpsadbw>(table, Code.VEX_Vmpsadbw_xmm_xmm_xmmm128_imm8);
        table.Add(Code.VEX_Vphminposuw_xmm_xmmm128, &Vex.Unary<Phminposuw, FirstRegister>, &Vex.Unary<Phminposuw, MemoryOperand>);
        Two<Pand>(table, Code.VEX_Vandps_xmm_xmm_xmmm128);
        Two<Pand>(table, Code.VEX_Vandpd_xmm_xmm_xmmm128);
        Two<Pandn>(table, Code.VEX_Vandnps_xmm_xmm_xmmm128);
        Two<Pandn>(table, Code.VEX_Vandnpd_xmm_xmm_xmmm128);
        Two<Por>(table, Code.VEX_Vorps_xmm_xmm_xmmm128);
        Two<Por>(table, Code.VEX_Vorpd_xmm_xmm_xmmm128);
        Two<Pxor>(table, Code.VEX_Vxorps_xmm_xmm_xmmm128);
        Two<Pxor>(table, Code.VEX_Vxorpd_xmm_xmm_xmmm128);
    }

    private static void AddSaturating(HandlerTable table)
    {
        Two<Paddsb>(table, Code.VEX_Vpaddsb_xmm_xmm_xmmm128);
        Two<Paddusb>(table, Code.VEX_Vpaddusb_xmm_xmm_xmmm128);
        Two<Psubsb>(table, Code.VEX_Vpsubsb_xmm_xmm_xmmm128);
        Two<Psubusb>(table, Code.VEX_Vpsubusb_xmm_xmm_xmmm128);
        Two<Paddsw>(table, Code.VEX_Vpaddsw_xmm_xmm_xmmm128);
        Two<Paddusw>(table, Code.VEX_Vpaddusw_xmm_xmm_xmmm128);
        Two<Psubsw>(table, Code.VEX_Vpsubsw_xmm_xmm_xmmm128);
        Two<Psubusw>(table, Code.VEX_Vpsubusw_xmm_xmm_xmmm128);
        Two<Phaddsw>(table, Code.VEX_Vphaddsw_xmm_xmm_xmmm128);
        Two<Phsubsw>(table, Code.VEX_Vphsubsw_xmm_xmm_xmmm128);
        Two<Pmaddubsw>(table, Code.VEX_Vpmaddubsw_xmm_xmm_xmmm128);
        Two<Packsswb>(table, Code.VEX_Vpacksswb_xmm_xmm_xmmm128);
        Two<Packssdw>(table, Code.VEX_Vpackssdw_xmm_xmm_xmmm128);
        Two<Packuswb>(table, Code.VEX_Vpackuswb_xmm_xmm_xmmm128);
        Two<Packusdw>(table, Code.VEX_Vpackusdw_xmm_xmm_xmmm128);
    }

    private static void AddComparisons(HandlerTable table)
    {
        Two<Pcmpeqb>(table, Code.VEX_Vpcmpeqb_xmm_xmm_xmmm128);
        Two<Pcmpeqw>(table, Code.VEX_Vpcmpeqw_xmm_xmm_xmmm128);
        Two<Pcmpeqd>(table, Code.VEX_Vpcmpeqd_xmm_xmm_xmmm128);
        Two<Pcmpeqq>(table, Code.VEX_Vpcmpeqq_xmm_xmm_xmmm128);
        Two<Pcmpgtb>(table, Code.VEX_Vpcmpgtb_xmm_xmm_xmmm128);
        Two<Pcmpgtw>(table, Code.VEX_Vpcmpgtw_xmm_xmm_xmmm128);
        Two<Pcmpgtd>(table, Code.VEX_Vpcmpgtd_xmm_xmm_xmmm128);
        Two<Pcmpgtq>(table, Code.VEX_Vpcmpgtq_xmm_xmm_xmmm128);
        Two<Pminub>(table, Code.VEX_Vpminub_xmm_xmm_xmmm128);
        Two<Pmaxub>(table, Code.VEX_Vpmaxub_xmm_xmm_xmmm128);
        Two<Pminsw>(table, Code.VEX_Vpminsw_xmm_xmm_xmmm128);
        Two<Pmaxsw>(table, Code.VEX_Vpmaxsw_xmm_xmm_xmmm128);
        Two<Minimum<sbyte>>(table, Code.VEX_Vpminsb_xmm_xmm_xmmm128);
        Two<Minimum<int>>(table, Code.VEX_Vpminsd_xmm_xmm_xmmm128);
        Two<Minimum<ushort>>(table, Code.VEX_Vpminuw_xmm_xmm_xmmm128);
        Two<Minimum<uint>>(table, Code.VEX_Vpminud_xmm_xmm_xmmm128);
        Two<Maximum<sbyte>>(table, Code.VEX_Vpmaxsb_xmm_xmm_xmmm128);
        Two<Maximum<int>>(table, Code.VEX_Vpmaxsd_xmm_xmm_xmmm128);
        Two<Maximum<ushort>>(table, Code.VEX_Vpmaxuw_xmm_xmm_xmmm128);
        Two<Maximum<uint>>(table, Code.VEX_Vpmaxud_xmm_xmm_xmmm128);
        Test<byte>(table, Code.VEX_Vptest_xmm_xmmm128);
        Test<uint>(table, Code.VEX_Vtestps_xmm_xmmm128);
        Test<ulong>(table, Code.VEX_Vtestpd_xmm_xmmm128);
    }

    private static void AddShuffles(HandlerTable table)
    {
        Two<Punpcklbw>(table, Code.VEX_Vpunpcklbw_xmm_xmm_xmmm128);
        Two<Punpckhbw>(table, Code.VEX_Vpunpckhbw_xmm_xmm_xmmm128);
        Two<Punpcklwd>(table, Code.VEX_Vpunpcklwd_xmm_xmm_xmmm128);
        Two<Punpckhwd>(table, Code.VEX_Vpunpckhwd_xmm_xmm_xmmm128);
        Two<Punpckldq>(table, Code.VEX_Vpunpckldq_xmm_xmm_xmmm128);
        Two<Punpckhdq>(table, Code.VEX_Vpunpckhdq_xmm_xmm_xmmm128);
        Two<Punpcklqdq>(table, Code.VEX_Vpunpcklqdq_xmm_xmm_xmmm128);
        Two<Punpckhqdq>(table, Code.VEX_Vpunpckhqdq_xmm_xmm_xmmm128);
        Two<Pshufb>(table, Code.VEX_Vpshufb_xmm_xmm_xmmm128);
        Two<Punpckldq>(table, Code.VEX_Vunpcklps_xmm_xmm_xmmm128);
        Two<Punpckhdq>(table, Code.VEX_Vunpckhps_xmm_xmm_xmmm128);
        Two<Punpcklqdq>(table, Code.VEX_Vunpcklpd_xmm_xmm_xmmm128);
        Two<Punpckhqdq>(table, Code.VEX_Vunpckhpd_xmm_xmm_xmmm128);
        One<Movsldup>(table, Code.VEX_Vmovsldup_xmm_xmmm128);
        One<Movshdup>(table, Code.VEX_Vmovshdup_xmm_xmmm128);
        table.Add(Code.VEX_Vmovddup_xmm_xmmm64, &Vex.UnaryPart<Movddup, FirstRegister, ulong>, &Vex.UnaryPart<Movddup, MemoryOperand, ulong>);
        table.Add(Code.VEX_Vmovddup_ymm_ymmm256, &Vex.UnaryWide<Movddup, FirstRegister>, &Vex.UnaryWide<Movddup, MemoryOperand>);
        One<Pshufd>(table, Code.VEX_Vpshufd_xmm_xmmm128_imm8);
        One<Pshufhw>(table, Code.VEX_Vpshufhw_xmm_xmmm128_imm8);
        One<Pshuflw>(table, Code.VEX_Vpshuflw_xmm_xmmm128_imm8);
        One<Pshufd>(table, Code.VEX_Vpermilps_xmm_xmmm128_imm8);
        One<Shufpd>(table, Code.VEX_Vpermilpd_xmm_xmmm128_imm8);
        Two<Shufps>(table, Code.VEX_Vshufps_xmm_xmm_xmmm128_imm8);
        Two<Shufpd>(table, Code.VEX_Vshufpd_xmm_xmm_xmmm128_imm8);
        Two<Palignr>(table, Code.VEX_Vpalignr_xmm_xmm_xmmm128_imm8);
        Two<Blend<uint>>(table, Code.VEX_Vblendps_xmm_xmm_xmmm128_imm8);
        Two<Blend<ulong>>(table, Code.VEX_Vblendpd_xmm_xmm_xmmm128_imm8);
        Two<Blend<ushort>>(table, Code.VEX_Vpblendw_xmm_xmm_xmmm128_imm8);
        Two<Blend<uint>>(table, Code.VEX_Vpblendd_xmm_xmm_xmmm128_imm8);
        Two<Permilps>(table, Code.VEX_Vpermilps_xmm_xmm_xmmm128);
        Two<Permilpd>(table, Code.VEX_Vpermilpd_xmm_xmm_xmmm128);
        Three<VariableBlend<int>>(table, Code.VEX_Vblendvps_xmm_xmm_xmmm128_xmm);
        Three<VariableBlend<long>>(table, Code.VEX_Vblendvpd_xmm_xmm_xmmm128_xmm);
        Three<VariableBlend<sbyte>>(table, Code.VEX_Vpblendvb_xmm_xmm_xmmm128_xmm);
    }

    private static void AddShifts(HandlerTable table)
    {
        Shift<Psllw>(table, Code.VEX_Vpsllw_xmm_xmm_xmmm128, Code.VEX_Vpsllw_xmm_xmm_imm8);
        Shift<Psrlw>(table, Code.VEX_Vpsrlw_xmm_xmm_xmmm128, Code.VEX_Vpsrlw_xmm_xmm_imm8);
        Shift<Psraw>(table, Code.VEX_Vpsraw_xmm_xmm_xmmm128, Code.VEX_Vpsraw_xmm_xmm_imm8);
        Shift<Pslld>(table, Code.VEX_Vpslld_xmm_xmm_xmmm128, Code.VEX_Vpslld_xmm_xmm_imm8);
        Shift<Psrld>(table, Code.VEX_Vpsrld_xmm_xmm_xmmm128, Code.VEX_Vpsrld_xmm_xmm_imm8);
        Shift<Psrad>(table, Code.VEX_Vpsrad_xmm_xmm_xmmm128, Code.VEX_Vpsrad_xmm_xmm_imm8);
        Shift<Psllq>(table, Code.VEX_Vpsllq_xmm_xmm_xmmm128, Code.VEX_Vpsllq_xmm_xmm_imm8);
        Shift<Psrlq>(table, Code.VEX_Vpsrlq_xmm_xmm_xmmm128, Code.VEX_Vpsrlq_xmm_xmm_imm8);
        ShiftImmediate<Pslldq>(table, Code.VEX_Vpslldq_xmm_xmm_imm8);
        ShiftImmediate<Psrldq>(table, Code.VEX_Vpsrldq_xmm_xmm_imm8);
        Two<ShiftLeftEach<uint>>(table, Code.VEX_Vpsllvd_xmm_xmm_xmmm128);
        Two<ShiftLeftEach<ulong>>(table, Code.VEX_Vpsllvq_xmm_xmm_xmmm128);
        Two<ShiftRightEach<uint>>(table, Code.VEX_Vpsrlvd_xmm_xmm_xmmm128);
        Two<ShiftRightEach<ulong>>(table, Code.VEX_Vpsrlvq_xmm_xmm_xmmm128);
        Two<ShiftRightEach<int>>(table, Code.VEX_Vpsravd_xmm_xmm_xmmm128);
    }

    private static void AddExtensions(HandlerTable table)
    {
        Extend<Extend<sbyte, ushort>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovsxbw_xmm_xmmm64);
        Extend<Extend<sbyte, uint>, uint, ulong>(table, Code.VEX_Vpmovsxbd_xmm_xmmm32);
        Extend<Extend<sbyte, ulong>, ushort, uint>(table, Code.VEX_Vpmovsxbq_xmm_xmmm16);
        Extend<Extend<short, uint>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovsxwd_xmm_xmmm64);
        Extend<Extend<short, ulong>, uint, ulong>(table, Code.VEX_Vpmovsxwq_xmm_xmmm32);
        Extend<Extend<int, ulong>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovsxdq_xmm_xmmm64);
        Extend<Extend<byte, ushort>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovzxbw_xmm_xmmm64);
        Extend<Extend<byte, uint>, uint, ulong>(table, Code.VEX_Vpmovzxbd_xmm_xmmm32);
        Extend<Extend<byte, ulong>, ushort, uint>(table, Code.VEX_Vpmovzxbq_xmm_xmmm16);
        Extend<Extend<ushort, uint>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovzxwd_xmm_xmmm64);
        Extend<Extend<ushort, ulong>, uint, ulong>(table, Code.VEX_Vpmovzxwq_xmm_xmmm32);
        Extend<Extend<uint, ulong>, ulong, Vector128<byte>>(table, Code.VEX_Vpmovzxdq_xmm_xmmm64);
    }

    private static void AddLanes(HandlerTable table)
    {
        table.Add(Code.VEX_Vpextrb_r32m8_xmm_imm8, &Sse4.Extract<byte>, &Sse4.ExtractMemory<byte>);
        table.Add(Code.VEX_Vpextrb_r64m8_xmm_imm8, &Sse4.Extract<byte>, &Sse4.ExtractMemory<byte>);
        table.Add(Code.VEX_Vpextrw_r32m16_xmm_imm8, &Sse4.Extract<ushort>, &Sse4.ExtractMemory<ushort>);
        table.Add(Code.VEX_Vpextrw_r64m16_xmm_imm8, &Sse4.Extract<ushort>, &Sse4.ExtractMemory<ushort>);
        table.Add(Code.VEX_Vpextrd_rm32_xmm_imm8, &Sse4.Extract<uint>, &Sse4.ExtractMemory<uint>);
        table.Add(Code.VEX_Vpextrq_rm64_xmm_imm8, &Sse4.Extract<ulong>, &Sse4.ExtractMemory<ulong>);
        table.Add(Code.VEX_Vextractps_rm32_xmm_imm8, &Sse4.Extract<uint>, &Sse4.ExtractMemory<uint>);
        table.Add(Code.VEX_Vextractps_r64m32_xmm_imm8, &Sse4.Extract<uint>, &Sse4.ExtractMemory<uint>);
        table.Add(Code.VEX_Vpextrw_r32_xmm_imm8, &SseMoves.ExtractWord);
        table.Add(Code.VEX_Vpextrw_r64_xmm_imm8, &SseMoves.ExtractWord);
        table.Add(Code.VEX_Vpinsrb_xmm_xmm_r32m8_imm8, &VexLanes.Insert<byte, SecondRegister>, &VexLanes.Insert<byte, MemoryOperand>);
        table.Add(Code.VEX_Vpinsrb_xmm_xmm_r64m8_imm8, &VexLanes.Insert<byte, SecondRegister>, &VexLanes.Insert<byte, MemoryOperand>);
        table.Add(Code.VEX_Vpinsrw_xmm_xmm_r32m16_imm8, &VexLanes.Insert<ushort, SecondRegister>, &VexLanes.Insert<ushort, MemoryOperand>);
        table.Add(Code.VEX_Vpinsrw_xmm_xmm_r64m16_imm8, &VexLanes.Insert<ushort, SecondRegister>, &VexLanes.Insert<ushort, MemoryOperand>);
        table.Add(Code.VEX_Vpinsrd_xmm_xmm_rm32_imm8, &VexLanes.Insert<uint, SecondRegister>, &VexLanes.Insert<uint, MemoryOperand>);
        table.Add(Code.VEX_Vpinsrq_xmm_xmm_rm64_imm8, &VexLanes.Insert<ulong, SecondRegister>, &VexLanes.Insert<ulong, MemoryOperand>);
        table.Add(Code.VEX_Vinsertps_xmm_xmm_xmmm32_imm8, &Vex.Binary<Insertps, SecondRegister>, &Vex.BinaryPart<InsertpsMemory, MemoryOperand, uint>);
        table.Add(Code.VEX_Vmovmskps_r32_xmm, &SseMoves.SingleMask);
        table.Add(Code.VEX_Vmovmskps_r32_ymm, &VexLanes.Mask<float>);
        table.Add(Code.VEX_Vmovmskps_r64_xmm, &SseMoves.SingleMask);
        table.Add(Code.VEX_Vmovmskps_r64_ymm, &VexLanes.Mask<float>);
        table.Add(Code.VEX_Vmovmskpd_r32_xmm, &SseMoves.DoubleMask);
        table.Add(Code.VEX_Vmovmskpd_r32_ymm, &VexLanes.Mask<double>);
        table.Add(Code.VEX_Vmovmskpd_r64_xmm, &SseMoves.DoubleMask);
        table.Add(Code.VEX_Vmovmskpd_r64_ymm, &VexLanes.Mask<double>);
        table.Add(Code.VEX_Vpmovmskb_r32_xmm, &SseMoves.ByteMask);
        table.Add(Code.VEX_Vpmovmskb_r32_ymm, &VexLanes.Mask<byte>);
        table.Add(Code.VEX_Vpmovmskb_r64_xmm, &SseMoves.ByteMask);
        table.Add(Code.VEX_Vpmovmskb_r64_ymm, &VexLanes.Mask<byte>);
    }

    private static void AddHalves(HandlerTable table)
    {
        table.Add(Code.VEX_Vbroadcastss_xmm_m32, &VexLanes.Broadcast<uint, MemoryOperand>);
        table.Add(Code.VEX_Vbroadcastss_ymm_m32, &VexLanes.BroadcastWide<uint, MemoryOperand>);
        table.Add(Code.VEX_Vbroadcastsd_ymm_m64, &VexLanes.BroadcastWide<ulong, MemoryOperand>);
        table.Add(Code.VEX_Vbroadcastss_xmm_xmm, &VexLanes.Broadcast<uint, FirstRegister>);
        table.Add(Code.VEX_Vbroadcastss_ymm_xmm, &VexLanes.BroadcastWide<uint, FirstRegister>);
        table.Add(Code.VEX_Vbroadcastsd_ymm_xmm, &VexLanes.BroadcastWide<ulong, FirstRegister>);
        table.Add(Code.VEX_Vbroadcastf128_ymm_m128, &VexLanes.BroadcastHalf);
        table.Add(Code.VEX_Vbroadcasti128_ymm_m128, &VexLanes.BroadcastHalf);
        Broadcast<byte>(table, Code.VEX_Vpbroadcastb_xmm_xmmm8);
        Broadcast<ushort>(table, Code.VEX_Vpbroadcastw_xmm_xmmm16);
        Broadcast<uint>(table, Code.VEX_Vpbroadcastd_xmm_xmmm32);
        Broadcast<ulong>(table, Code.VEX_Vpbroadcastq_xmm_xmmm64);
        table.Add(Code.VEX_Vinsertf128_ymm_ymm_xmmm128_imm8, &VexLanes.InsertHalf<SecondRegister>, &VexLanes.InsertHalf<MemoryOperand>);
        table.Add(Code.VEX_Vextractf128_xmmm128_ymm_imm8, &VexLanes.ExtractHalf, &VexLanes.ExtractHalfMemory);
        table.Add(Code.VEX_Vperm2f128_ymm_ymm_ymmm256_imm8, &VexLanes.PermuteHalves<SecondRegister>, &VexLanes.PermuteHalves<MemoryOperand>);
        table.Add(Code.VEX_Vinserti128_ymm_ymm_xmmm128_imm8, &VexLanes.InsertHalf<SecondRegister>, &VexLanes.InsertHalf<MemoryOperand>);
        table.Add(Code.VEX_Vextracti128_xmmm128_ymm_imm8, &VexLanes.ExtractHalf, &VexLanes.ExtractHalfMemory);
        table.Add(Code.VEX_Vperm2i128_ymm_ymm_ymmm256_imm8, &VexLanes.PermuteHalves<SecondRegister>, &VexLanes.PermuteHalves<MemoryOperand>);
        table.Add(Code.VEX_Vpermq_ymm_ymmm256_imm8, &VexLanes.PermuteQuads<FirstRegister>, &VexLanes.PermuteQuads<MemoryOperand>);
        table.Add(Code.VEX_Vpermpd_ymm_ymmm256_imm8, &VexLanes.PermuteQuads<FirstRegister>, &VexLanes.PermuteQuads<MemoryOperand>);
        table.Add(Code.VEX_Vpermd_ymm_ymm_ymmm256, &VexLanes.PermuteDoubles<SecondRegister>, &VexLanes.PermuteDoubles<MemoryOperand>);
        table.Add(Code.VEX_Vpermps_ymm_ymm_ymmm256, &VexLanes.PermuteDoubles<SecondRegister>, &VexLanes.PermuteDoubles<MemoryOperand>);
    }

    private static void AddMasks(HandlerTable table)
    {
        Masked<uint>(table, Code.VEX_Vmaskmovps_xmm_xmm_m128, Code.VEX_Vmaskmovps_m128_xmm_xmm);
        Masked<ulong>(table, Code.VEX_Vmaskmovpd_xmm_xmm_m128, Code.VEX_Vmaskmovpd_m128_xmm_xmm);
        Masked<uint>(table, Code.VEX_Vpmaskmovd_xmm_xmm_m128, Code.VEX_Vpmaskmovd_m128_xmm_xmm);
        Masked<ulong>(table, Code.VEX_Vpmaskmovq_xmm_xmm_m128, Code.VEX_Vpmaskmovq_m128_xmm_xmm);
    }

    private static void AddGathers(HandlerTable table)
    {
        table.Add(Code.VEX_Vpgatherdd_xmm_vm32x_xmm, &VexGather<int, int>.Lower);
        table.Add(Code.VEX_Vpgatherdd_ymm_vm32y_ymm, &VexGather<int, int>.Wide);
        table.Add(Code.VEX_Vpgatherdq_xmm_vm32x_xmm, &VexGather<long, int>.Lower);
        table.Add(Code.VEX_Vpgatherdq_ymm_vm32x_ymm, &VexGather<long, int>.Wide);
        table.Add(Code.VEX_Vpgatherqd_xmm_vm64x_xmm, &VexGather<int, long>.Lower);
        table.Add(Code.VEX_Vpgatherqd_xmm_vm64y_xmm, &VexGather<int, long>.Wide);
        table.Add(Code.VEX_Vpgatherqq_xmm_vm64x_xmm, &VexGather<long, long>.Lower);
        table.Add(Code.VEX_Vpgatherqq_ymm_vm64y_ymm, &VexGather<long, long>.Wide);
        table.Add(Code.VEX_Vgatherdps_xmm_vm32x_xmm, &VexGather<int, int>.Lower);
        table.Add(Code.VEX_Vgatherdps_ymm_vm32y_ymm, &VexGather<int, int>.Wide);
        table.Add(Code.VEX_Vgatherdpd_xmm_vm32x_xmm, &VexGather<long, int>.Lower);
        table.Add(Code.VEX_Vgatherdpd_ymm_vm32x_ymm, &VexGather<long, int>.Wide);
        table.Add(Code.VEX_Vgatherqps_xmm_vm64x_xmm, &VexGather<int, long>.Lower);
        table.Add(Code.VEX_Vgatherqps_xmm_vm64y_xmm, &VexGather<int, long>.Wide);
        table.Add(Code.VEX_Vgatherqpd_xmm_vm64x_xmm, &VexGather<long, long>.Lower);
        table.Add(Code.VEX_Vgatherqpd_ymm_vm64y_ymm, &VexGather<long, long>.Wide);
    }

    private static void AddStrings(HandlerTable table)
    {
        table.Add(Code.VEX_Vpcmpestrm_xmm_xmmm128_imm8, &StringCompare.ExplicitMask, &StringCompare.ExplicitMaskMemory);
        table.Add(Code.VEX_Vpcmpestrm64_xmm_xmmm128_imm8, &StringCompare.ExplicitMask, &StringCompare.ExplicitMaskMemory);
        table.Add(Code.VEX_Vpcmpestri_xmm_xmmm128_imm8, &StringCompare.ExplicitIndex, &StringCompare.ExplicitIndexMemory);
        table.Add(Code.VEX_Vpcmpestri64_xmm_xmmm128_imm8, &StringCompare.ExplicitIndex, &StringCompare.ExplicitIndexMemory);
        table.Add(Code.VEX_Vpcmpistrm_xmm_xmmm128_imm8, &StringCompare.ImplicitMask, &StringCompare.ImplicitMaskMemory);
        table.Add(Code.VEX_Vpcmpistri_xmm_xmmm128_imm8, &StringCompare.ImplicitIndex, &StringCompare.ImplicitIndexMemory);
    }

    private static void AddCryptography(HandlerTable table)
    {
        Two<Aesenc>(table, Code.VEX_Vaesenc_xmm_xmm_xmmm128);
        Two<Aesenclast>(table, Code.VEX_Vaesenclast_xmm_xmm_xmmm128);
        Two<Aesdec>(table, Code.VEX_Vaesdec_xmm_xmm_xmmm128);
        Two<Aesdeclast>(table, Code.VEX_Vaesdeclast_xmm_xmm_xmmm128);
        Two<Pclmulqdq>(table, Code.VEX_Vpclmulqdq_xmm_xmm_xmmm128_imm8);
        table.Add(Code.VEX_Vaesimc_xmm_xmmm128, &Vex.Unary<Aesimc, FirstRegister>, &Vex.Unary<Aesimc, MemoryOperand>);
        table.Add(Code.VEX_Vaeskeygenassist_xmm_xmmm128_imm8, &Vex.Unary<Aeskeygenassist, FirstRegister>, &Vex.Unary<Aeskeygenassist, MemoryOperand>);
    }

    // Each takes the code of 128 bits; that of 256 is the next one

    private static void One<T>(HandlerTable table, Code code) where T : IVectorOperation
    {
        table.Add(code, &Vex.Unary<T, FirstRegister>, &Vex.Unary<T, MemoryOperand>);
        table.Add(code + 1, &Vex.UnaryWide<T, FirstRegister>, &Vex.UnaryWide<T, MemoryOperand>);
    }

    private static void Two<T>(HandlerTable table, Code code) where T : IVectorOperation
    {
        table.Add(code, &Vex.Binary<T, SecondRegister>, &Vex.Binary<T, MemoryOperand>);
        table.Add(code + 1, &Vex.BinaryWide<T, SecondRegister>, &Vex.BinaryWide<T, MemoryOperand>);
    }

    private static void Three<T>(HandlerTable table, Code code) where T : ITernaryOperation
    {
        table.Add(code, &Vex.Ternary<T, SecondRegister>, &Vex.Ternary<T, MemoryOperand>);
        table.Add(code + 1, &Vex.TernaryWide<T, SecondRegister>, &Vex.TernaryWide<T, MemoryOperand>);
    }

    private static void Part<T, TPart>(HandlerTable table, Code code) where T : IVectorOperation where TPart : unmanaged, IBinaryInteger<TPart> =>
        table.Add(code, &Vex.UnaryPart<T, FirstRegister, TPart>, &Vex.UnaryPart<T, MemoryOperand, TPart>);

    private static void Move(HandlerTable table, Code load, Code store)
    {
        One<Copy>(table, load);
        table.Add(store, &Vex.Unary<Copy, FirstRegister>, &SseMoves.Store);
        table.Add(store + 1, &Vex.UnaryWide<Copy, FirstRegister>, &VexLanes.Store<Vector256<byte>>);
    }

    private static void AlignedMove(HandlerTable table, Code load, Code store)
    {
        table.Add(load, &Vex.Unary<Copy, FirstRegister>, &Vex.Unary<Copy, AlignedOperand>);
        table.Add(load + 1, &Vex.UnaryWide<Copy, FirstRegister>, &Vex.UnaryWide<Copy, AlignedOperand>);
        table.Add(store, &Vex.Unary<Copy, FirstRegister>, &SseMoves.StoreAligned);
        table.Add(store + 1, &Vex.UnaryWide<Copy, FirstRegister>, &VexLanes.StoreAligned<Vector256<byte>>);
    }

    private static void Test<T>(HandlerTable table, Code code) where T : unmanaged
    {
        table.Add(code, &VexLanes.Test<T, FirstRegister>, &VexLanes.Test<T, MemoryOperand>);
        table.Add(code + 1, &VexLanes.TestWide<T, FirstRegister>, &VexLanes.TestWide<T, MemoryOperand>);
    }

    private static void Broadcast<T>(HandlerTable table, Code code) where T : unmanaged
    {
        table.Add(code, &VexLanes.Broadcast<T, FirstRegister>, &VexLanes.Broadcast<T, MemoryOperand>);
        table.Add(code + 1, &VexLanes.BroadcastWide<T, FirstRegister>, &VexLanes.BroadcastWide<T, MemoryOperand>);
    }

    private static void Shift<T>(HandlerTable table, Code code, Code immediate) where T : IVectorOperation
    {
        table.Add(code, &Vex.Binary<T, SecondRegister>, &Vex.Binary<T, MemoryOperand>);
        table.Add(code + 1, &Vex.Shift<T, SecondRegister>, &Vex.Shift<T, MemoryOperand>);
        ShiftImmediate<T>(table, immediate);
    }

    private static void ShiftImmediate<T>(HandlerTable table, Code code) where T : IVectorOperation
    {
        table.Add(code, &Vex.ShiftImmediate<T>);
        table.Add(code + 1, &Vex.ShiftImmediateWide<T>);
    }

    private static void Extend<T, TPart, TWide>(HandlerTable table, Code code)
        where T : IWideningOperation
        where TPart : unmanaged, IBinaryInteger<TPart>
        where TWide : unmanaged
    {
        Part<T, TPart>(table, code);
        table.Add(code + 1, &Vex.WidenWide<T, FirstRegister, TWide>, &Vex.WidenWide<T, MemoryOperand, TWide>);
    }

    private static void Masked<T>(HandlerTable table, Code load, Code store) where T : unmanaged, IBinaryInteger<T>
    {
        table.Add(load, &VexLanes.LoadMasked<T>);
        table.Add(load + 1, &VexLanes.LoadMaskedWide<T>);
        table.Add(store, &VexLanes.StoreMasked<T>);
        table.Add(store + 1, &VexLanes.StoreMaskedWide<T>);
    }
}

using System.Numerics;
using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler an instruction of SSSE3, SSE4.1, SSE4.2, SSE4A, AES-NI, PCLMULQDQ and SHA has.</summary>
/// <remarks>UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.</remarks>
internal static unsafe class Sse4Table
{
    public static void Add(HandlerTable table)
    {
        AddSsse3(table);
        AddMmx(table);
        AddIntegers(table);
        AddExtensions(table);
        AddLanes(table);
        AddBlends(table);
        AddFloats(table);
        AddStrings(table);
        AddCryptography(table);
        AddSse4A(table);
    }

    private static void AddSsse3(HandlerTable table)
    {
        Packed<Pshufb>(table, Code.Pshufb_xmm_xmmm128);
        Packed<Phaddw>(table, Code.Phaddw_xmm_xmmm128);
        Packed<Phaddd>(table, Code.Phaddd_xmm_xmmm128);
        Packed<Phaddsw>(table, Code.Phaddsw_xmm_xmmm128);
        Packed<Pmaddubsw>(table, Code.Pmaddubsw_xmm_xmmm128);
        Packed<Phsubw>(table, Code.Phsubw_xmm_xmmm128);
        Packed<Phsubd>(table, Code.Phsubd_xmm_xmmm128);
        Packed<Phsubsw>(table, Code.Phsubsw_xmm_xmmm128);
        Packed<Psign<sbyte>>(table, Code.Psignb_xmm_xmmm128);
        Packed<Psign<short>>(table, Code.Psignw_xmm_xmmm128);
        Packed<Psign<int>>(table, Code.Psignd_xmm_xmmm128);
        Packed<Pmulhrsw>(table, Code.Pmulhrsw_xmm_xmmm128);
        Packed<Pabs<sbyte>>(table, Code.Pabsb_xmm_xmmm128);
        Packed<Pabs<short>>(table, Code.Pabsw_xmm_xmmm128);
        Packed<Pabs<int>>(table, Code.Pabsd_xmm_xmmm128);
        Packed<Palignr>(table, Code.Palignr_xmm_xmmm128_imm8);
    }

    private static void AddMmx(HandlerTable table)
    {
        Mmx<PshufbMmx>(table, Code.Pshufb_mm_mmm64);
        Mmx<BothInOne<Phaddw>>(table, Code.Phaddw_mm_mmm64);
        Mmx<BothInOne<Phaddd>>(table, Code.Phaddd_mm_mmm64);
        Mmx<BothInOne<Phaddsw>>(table, Code.Phaddsw_mm_mmm64);
        Mmx<Pmaddubsw>(table, Code.Pmaddubsw_mm_mmm64);
        Mmx<BothInOne<Phsubw>>(table, Code.Phsubw_mm_mmm64);
        Mmx<BothInOne<Phsubd>>(table, Code.Phsubd_mm_mmm64);
        Mmx<BothInOne<Phsubsw>>(table, Code.Phsubsw_mm_mmm64);
        Mmx<Psign<sbyte>>(table, Code.Psignb_mm_mmm64);
        Mmx<Psign<short>>(table, Code.Psignw_mm_mmm64);
        Mmx<Psign<int>>(table, Code.Psignd_mm_mmm64);
        Mmx<Pmulhrsw>(table, Code.Pmulhrsw_mm_mmm64);
        Mmx<Pabs<sbyte>>(table, Code.Pabsb_mm_mmm64);
        Mmx<Pabs<short>>(table, Code.Pabsw_mm_mmm64);
        Mmx<Pabs<int>>(table, Code.Pabsd_mm_mmm64);
        Mmx<PalignrMmx>(table, Code.Palignr_mm_mmm64_imm8);
    }

    private static void AddIntegers(HandlerTable table)
    {
        Packed<Pmuldq>(table, Code.Pmuldq_xmm_xmmm128);
        Packed<Pcmpeqq>(table, Code.Pcmpeqq_xmm_xmmm128);
        Packed<Pcmpgtq>(table, Code.Pcmpgtq_xmm_xmmm128);
        Packed<Packusdw>(table, Code.Packusdw_xmm_xmmm128);
        Packed<Minimum<sbyte>>(table, Code.Pminsb_xmm_xmmm128);
        Packed<Minimum<int>>(table, Code.Pminsd_xmm_xmmm128);
        Packed<Minimum<ushort>>(table, Code.Pminuw_xmm_xmmm128);
        Packed<Minimum<uint>>(table, Code.Pminud_xmm_xmmm128);
        Packed<Maximum<sbyte>>(table, Code.Pmaxsb_xmm_xmmm128);
        Packed<Maximum<int>>(table, Code.Pmaxsd_xmm_xmmm128);
        Packed<Maximum<ushort>>(table, Code.Pmaxuw_xmm_xmmm128);
        Packed<Maximum<uint>>(table, Code.Pmaxud_xmm_xmmm128);
        Packed<Pmulld>(table, Code.Pmulld_xmm_xmmm128);
        Packed<Phminposuw>(table, Code.Phminposuw_xmm_xmmm128);
        Packed<Mpsadbw>(table, Code.Mpsadbw_xmm_xmmm128_imm8);
        table.Add(Code.Ptest_xmm_xmmm128, &Sse4.Test, &Sse4.TestMemory);
        table.Add(Code.Movntdqa_xmm_m128, &SseMoves.LoadAligned);
    }

    private static void AddExtensions(HandlerTable table)
    {
        Extend<Extend<sbyte, ushort>, ulong>(table, Code.Pmovsxbw_xmm_xmmm64);
        Extend<Extend<sbyte, uint>, uint>(table, Code.Pmovsxbd_xmm_xmmm32);
        Extend<Extend<sbyte, ulong>, ushort>(table, Code.Pmovsxbq_xmm_xmmm16);
        Extend<Extend<short, uint>, ulong>(table, Code.Pmovsxwd_xmm_xmmm64);
        Extend<Extend<short, ulong>, uint>(table, Code.Pmovsxwq_xmm_xmmm32);
        Extend<Extend<int, ulong>, ulong>(table, Code.Pmovsxdq_xmm_xmmm64);
        Extend<Extend<byte, ushort>, ulong>(table, Code.Pmovzxbw_xmm_xmmm64);
        Extend<Extend<byte, uint>, uint>(table, Code.Pmovzxbd_xmm_xmmm32);
        Extend<Extend<byte, ulong>, ushort>(table, Code.Pmovzxbq_xmm_xmmm16);
        Extend<Extend<ushort, uint>, ulong>(table, Code.Pmovzxwd_xmm_xmmm64);
        Extend<Extend<ushort, ulong>, uint>(table, Code.Pmovzxwq_xmm_xmmm32);
        Extend<Extend<uint, ulong>, ulong>(table, Code.Pmovzxdq_xmm_xmmm64);
    }

    private static void AddLanes(HandlerTable table)
    {
        Extract<byte>(table, Code.Pextrb_r32m8_xmm_imm8);
        Extract<byte>(table, Code.Pextrb_r64m8_xmm_imm8);
        Extract<ushort>(table, Code.Pextrw_r32m16_xmm_imm8);
        Extract<ushort>(table, Code.Pextrw_r64m16_xmm_imm8);
        Extract<uint>(table, Code.Pextrd_rm32_xmm_imm8);
        Extract<ulong>(table, Code.Pextrq_rm64_xmm_imm8);
        Extract<uint>(table, Code.Extractps_rm32_xmm_imm8);
        Extract<uint>(table, Code.Extractps_r64m32_xmm_imm8);
        Insert<byte>(table, Code.Pinsrb_xmm_r32m8_imm8);
        Insert<byte>(table, Code.Pinsrb_xmm_r64m8_imm8);
        Insert<uint>(table, Code.Pinsrd_xmm_rm32_imm8);
        Insert<ulong>(table, Code.Pinsrq_xmm_rm64_imm8);
        table.Add(Code.Insertps_xmm_xmmm32_imm8, &Sse.Register<Insertps>, &Sse.MemoryPart<InsertpsMemory, uint>);
    }

    private static void AddBlends(HandlerTable table)
    {
        Packed<Blend<uint>>(table, Code.Blendps_xmm_xmmm128_imm8);
        Packed<Blend<ulong>>(table, Code.Blendpd_xmm_xmmm128_imm8);
        Packed<Blend<ushort>>(table, Code.Pblendw_xmm_xmmm128_imm8);
        Ternary<VariableBlend<sbyte>>(table, Code.Pblendvb_xmm_xmmm128);
        Ternary<VariableBlend<int>>(table, Code.Blendvps_xmm_xmmm128);
        Ternary<VariableBlend<long>>(table, Code.Blendvpd_xmm_xmmm128);
    }

    private static void AddFloats(HandlerTable table)
    {
        Float<PackedSingle<RoundFloat>>(table, Code.Roundps_xmm_xmmm128_imm8);
        Float<PackedDouble<RoundFloat>>(table, Code.Roundpd_xmm_xmmm128_imm8);
        table.Add(Code.Roundss_xmm_xmmm32_imm8, &Sse.FloatRegister<ScalarSingle<RoundFloat>>, &Sse.FloatMemory32<ScalarSingle<RoundFloat>>);
        table.Add(Code.Roundsd_xmm_xmmm64_imm8, &Sse.FloatRegister<ScalarDouble<RoundFloat>>, &Sse.FloatMemory64<ScalarDouble<RoundFloat>>);
        Float<DotProductSingle>(table, Code.Dpps_xmm_xmmm128_imm8);
        Float<DotProductDouble>(table, Code.Dppd_xmm_xmmm128_imm8);
    }

    private static void AddStrings(HandlerTable table)
    {
        table.Add(Code.Pcmpestrm_xmm_xmmm128_imm8, &StringCompare.ExplicitMask, &StringCompare.ExplicitMaskMemory);
        table.Add(Code.Pcmpestrm64_xmm_xmmm128_imm8, &StringCompare.ExplicitMask, &StringCompare.ExplicitMaskMemory);
        table.Add(Code.Pcmpestri_xmm_xmmm128_imm8, &StringCompare.ExplicitIndex, &StringCompare.ExplicitIndexMemory);
        table.Add(Code.Pcmpestri64_xmm_xmmm128_imm8, &StringCompare.ExplicitIndex, &StringCompare.ExplicitIndexMemory);
        table.Add(Code.Pcmpistrm_xmm_xmmm128_imm8, &StringCompare.ImplicitMask, &StringCompare.ImplicitMaskMemory);
        table.Add(Code.Pcmpistri_xmm_xmmm128_imm8, &StringCompare.ImplicitIndex, &StringCompare.ImplicitIndexMemory);
    }

    private static void AddCryptography(HandlerTable table)
    {
        Packed<Aesenc>(table, Code.Aesenc_xmm_xmmm128);
        Packed<Aesenclast>(table, Code.Aesenclast_xmm_xmmm128);
        Packed<Aesdec>(table, Code.Aesdec_xmm_xmmm128);
        Packed<Aesdeclast>(table, Code.Aesdeclast_xmm_xmmm128);
        Packed<Aesimc>(table, Code.Aesimc_xmm_xmmm128);
        Packed<Aeskeygenassist>(table, Code.Aeskeygenassist_xmm_xmmm128_imm8);
        Packed<Pclmulqdq>(table, Code.Pclmulqdq_xmm_xmmm128_imm8);
        Packed<Sha1nexte>(table, Code.Sha1nexte_xmm_xmmm128);
        Packed<Sha1msg1>(table, Code.Sha1msg1_xmm_xmmm128);
        Packed<Sha1msg2>(table, Code.Sha1msg2_xmm_xmmm128);
        Packed<Sha1rnds4>(table, Code.Sha1rnds4_xmm_xmmm128_imm8);
        Ternary<Sha256rnds2>(table, Code.Sha256rnds2_xmm_xmmm128);
        Packed<Sha256msg1>(table, Code.Sha256msg1_xmm_xmmm128);
        Packed<Sha256msg2>(table, Code.Sha256msg2_xmm_xmmm128);
    }

    private static void AddSse4A(HandlerTable table)
    {
        table.Add(Code.Movntss_m32_xmm, &SseMoves.ExitMemory<uint>);
        table.Add(Code.Movntsd_m64_xmm, &SseMoves.ExitMemory<ulong>);
        table.Add(Code.Extrq_xmm_imm8_imm8, &Sse4.ExtractField);
        table.Add(Code.Extrq_xmm_xmm, &Sse4.ExtractFieldBy);
        table.Add(Code.Insertq_xmm_xmm_imm8_imm8, &Sse4.InsertField);
        table.Add(Code.Insertq_xmm_xmm, &Sse4.InsertFieldBy);
    }

    private static void Packed<T>(HandlerTable table, Code code) where T : IVectorOperation => table.Add(code, &Sse.Register<T>, &Sse.Memory<T>);

    private static void Mmx<T>(HandlerTable table, Code code) where T : IVectorOperation => table.Add(code, &Interpreter.Mmx.Register<T>, &Interpreter.Mmx.Memory<T>);

    private static void Float<T>(HandlerTable table, Code code) where T : IFloatVectorOperation => table.Add(code, &Sse.FloatRegister<T>, &Sse.FloatMemory<T>);

    private static void Ternary<T>(HandlerTable table, Code code) where T : ITernaryOperation => table.Add(code, &Sse4.Ternary<T>, &Sse4.TernaryMemory<T>);

    private static void Extend<T, TPart>(HandlerTable table, Code code) where T : IVectorOperation where TPart : unmanaged, IBinaryInteger<TPart> =>
        table.Add(code, &Sse.Register<T>, &Sse.MemoryPart<T, TPart>);

    private static void Extract<T>(HandlerTable table, Code code) where T : unmanaged, IBinaryInteger<T> => table.Add(code, &Sse4.Extract<T>, &Sse4.ExtractMemory<T>);

    private static void Insert<T>(HandlerTable table, Code code) where T : unmanaged => table.Add(code, &Sse4.Insert<T>, &Sse4.InsertMemory<T>);
}

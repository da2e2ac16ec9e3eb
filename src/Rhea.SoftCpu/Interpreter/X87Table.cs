using Iced.Intel;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Which handler an x87 instruction has.</summary>
/// <remarks>UNSAFE: takes addresses of functions. SAFETY: <see cref="HandlerTable"/> takes no others than these.</remarks>
internal static unsafe class X87Table
{
    public static void Add(HandlerTable table)
    {
        AddArithmetic(table);
        AddMoves(table);
        AddComparisons(table);
        AddControl(table);
    }

    private static void AddArithmetic(HandlerTable table)
    {
        Arithmetic<Fadd>(table, Code.Fadd_m32fp, Code.Fadd_m64fp, Code.Fiadd_m16int, Code.Fiadd_m32int, Code.Fadd_st0_sti, Code.Fadd_sti_st0, Code.Faddp_sti_st0);
        Arithmetic<Fmul>(table, Code.Fmul_m32fp, Code.Fmul_m64fp, Code.Fimul_m16int, Code.Fimul_m32int, Code.Fmul_st0_sti, Code.Fmul_sti_st0, Code.Fmulp_sti_st0);
        Arithmetic<Fsub>(table, Code.Fsub_m32fp, Code.Fsub_m64fp, Code.Fisub_m16int, Code.Fisub_m32int, Code.Fsub_st0_sti, Code.Fsub_sti_st0, Code.Fsubp_sti_st0);
        Arithmetic<Fsubr>(table, Code.Fsubr_m32fp, Code.Fsubr_m64fp, Code.Fisubr_m16int, Code.Fisubr_m32int, Code.Fsubr_st0_sti, Code.Fsubr_sti_st0, Code.Fsubrp_sti_st0);
        Arithmetic<Fdiv>(table, Code.Fdiv_m32fp, Code.Fdiv_m64fp, Code.Fidiv_m16int, Code.Fidiv_m32int, Code.Fdiv_st0_sti, Code.Fdiv_sti_st0, Code.Fdivp_sti_st0);
        Arithmetic<Fdivr>(table, Code.Fdivr_m32fp, Code.Fdivr_m64fp, Code.Fidivr_m16int, Code.Fidivr_m32int, Code.Fdivr_st0_sti, Code.Fdivr_sti_st0, Code.Fdivrp_sti_st0);
        table.Add(Code.Fsqrt, &X87Compute.Top<Fsqrt>);
        table.Add(Code.Frndint, &X87Compute.Top<Frndint>);
        table.Add(Code.F2xm1, &X87Compute.Top<F2xm1>);
        table.Add(Code.Fscale, &X87Compute.TopAndNext<Fscale>);
        table.Add(Code.Fyl2x, &X87Compute.NextAndTopPop<Fyl2x>);
        table.Add(Code.Fyl2xp1, &X87Compute.NextAndTopPop<Fyl2xp1>);
        table.Add(Code.Fpatan, &X87Compute.NextAndTopPop<Fpatan>);
        table.Add(Code.Fchs, &X87Compute.ChangeSign);
        table.Add(Code.Fabs, &X87Compute.Absolute);
        table.Add(Code.Fxtract, &X87Compute.Extract);
        table.Add(Code.Fprem, &X87Compute.Remainder);
        table.Add(Code.Fprem1, &X87Compute.RemainderNearest);
        table.Add(Code.Fsin, &X87Compute.Sine);
        table.Add(Code.Fcos, &X87Compute.Cosine);
        table.Add(Code.Fsincos, &X87Compute.SineAndCosine);
        table.Add(Code.Fptan, &X87Compute.Tangent);
    }

    private static void AddMoves(HandlerTable table)
    {
        table.Add(Code.Fld_m32fp, &X87Store.Load<SingleOperand>);
        table.Add(Code.Fst_m32fp, &X87Store.Store<SingleTarget>);
        table.Add(Code.Fstp_m32fp, &X87Store.StorePop<SingleTarget>);
        table.Add(Code.Fld_m64fp, &X87Store.Load<DoubleOperand>);
        table.Add(Code.Fst_m64fp, &X87Store.Store<DoubleTarget>);
        table.Add(Code.Fstp_m64fp, &X87Store.StorePop<DoubleTarget>);
        table.Add(Code.Fild_m16int, &X87Store.Load<Int16Operand>);
        table.Add(Code.Fist_m16int, &X87Store.Store<Int16Target>);
        table.Add(Code.Fistp_m16int, &X87Store.StorePop<Int16Target>);
        table.Add(Code.Fisttp_m16int, &X87Store.StorePop<Truncating<Int16Target>>);
        table.Add(Code.Fild_m32int, &X87Store.Load<Int32Operand>);
        table.Add(Code.Fist_m32int, &X87Store.Store<Int32Target>);
        table.Add(Code.Fistp_m32int, &X87Store.StorePop<Int32Target>);
        table.Add(Code.Fisttp_m32int, &X87Store.StorePop<Truncating<Int32Target>>);
        table.Add(Code.Fild_m64int, &X87Store.Load<Int64Operand>);
        table.Add(Code.Fistp_m64int, &X87Store.StorePop<Int64Target>);
        table.Add(Code.Fisttp_m64int, &X87Store.StorePop<Truncating<Int64Target>>);
        table.Add(Code.Fld_m80fp, &X87Store.LoadExtended);
        table.Add(Code.Fstp_m80fp, &X87Store.StoreExtendedPop);
        table.Add(Code.Fbld_m80bcd, &X87Store.LoadDecimal);
        table.Add(Code.Fbstp_m80bcd, &X87Store.StorePop<DecimalTarget>);
        table.Add(Code.Fld_sti, &X87Store.LoadRegister);
        table.Add(Code.Fst_sti, &X87Store.StoreRegister);
        table.Add(Code.Fstp_sti, &X87Store.StoreRegisterPop);
        table.Add(Code.Fstp_sti_DFD0, &X87Store.StoreRegisterPop);
        table.Add(Code.Fstp_sti_DFD8, &X87Store.StoreRegisterPop);
        table.Add(Code.Fstpnce_sti, &X87Store.StoreRegisterPop);
        table.Add(Code.Fxch_st0_sti, &X87Store.Exchange);
        table.Add(Code.Fxch_st0_sti_DDC8, &X87Store.Exchange);
        table.Add(Code.Fxch_st0_sti_DFC8, &X87Store.Exchange);
        table.Add(Code.Fcmovb_st0_sti, &X87Store.MoveIf<IfBelow>);
        table.Add(Code.Fcmovnb_st0_sti, &X87Store.MoveIf<Not<IfBelow>>);
        table.Add(Code.Fcmove_st0_sti, &X87Store.MoveIf<IfEqual>);
        table.Add(Code.Fcmovne_st0_sti, &X87Store.MoveIf<Not<IfEqual>>);
        table.Add(Code.Fcmovbe_st0_sti, &X87Store.MoveIf<IfBelowOrEqual>);
        table.Add(Code.Fcmovnbe_st0_sti, &X87Store.MoveIf<Not<IfBelowOrEqual>>);
        table.Add(Code.Fcmovu_st0_sti, &X87Store.MoveIf<IfParity>);
        table.Add(Code.Fcmovnu_st0_sti, &X87Store.MoveIf<Not<IfParity>>);
        table.Add(Code.Fld1, &X87Store.LoadConstant<PositiveOne>);
        table.Add(Code.Fldz, &X87Store.LoadConstant<PositiveZero>);
        table.Add(Code.Fldl2t, &X87Store.LoadConstant<Log2Of10>);
        table.Add(Code.Fldl2e, &X87Store.LoadConstant<Log2OfE>);
        table.Add(Code.Fldpi, &X87Store.LoadConstant<Pi>);
        table.Add(Code.Fldlg2, &X87Store.LoadConstant<Log10Of2>);
        table.Add(Code.Fldln2, &X87Store.LoadConstant<LogEOf2>);
    }

    private static void AddComparisons(HandlerTable table)
    {
        table.Add(Code.Fcom_m32fp, &X87Compare.Memory<SingleOperand>);
        table.Add(Code.Fcomp_m32fp, &X87Compare.MemoryPop<SingleOperand>);
        table.Add(Code.Fcom_m64fp, &X87Compare.Memory<DoubleOperand>);
        table.Add(Code.Fcomp_m64fp, &X87Compare.MemoryPop<DoubleOperand>);
        table.Add(Code.Ficom_m16int, &X87Compare.Memory<Int16Operand>);
        table.Add(Code.Ficomp_m16int, &X87Compare.MemoryPop<Int16Operand>);
        table.Add(Code.Ficom_m32int, &X87Compare.Memory<Int32Operand>);
        table.Add(Code.Ficomp_m32int, &X87Compare.MemoryPop<Int32Operand>);
        table.Add(Code.Fcom_st0_sti, &X87Compare.Register<Ordered>);
        table.Add(Code.Fcom_st0_sti_DCD0, &X87Compare.Register<Ordered>);
        table.Add(Code.Fcomp_st0_sti, &X87Compare.RegisterPop<Ordered>);
        table.Add(Code.Fcomp_st0_sti_DCD8, &X87Compare.RegisterPop<Ordered>);
        table.Add(Code.Fcomp_st0_sti_DED0, &X87Compare.RegisterPop<Ordered>);
        table.Add(Code.Fucom_st0_sti, &X87Compare.Register<Unordered>);
        table.Add(Code.Fucomp_st0_sti, &X87Compare.RegisterPop<Unordered>);
        table.Add(Code.Fcompp, &X87Compare.PopBoth<Ordered>);
        table.Add(Code.Fucompp, &X87Compare.PopBoth<Unordered>);
        table.Add(Code.Fcomi_st0_sti, &X87Compare.Flags<Ordered>);
        table.Add(Code.Fcomip_st0_sti, &X87Compare.FlagsPop<Ordered>);
        table.Add(Code.Fucomi_st0_sti, &X87Compare.Flags<Unordered>);
        table.Add(Code.Fucomip_st0_sti, &X87Compare.FlagsPop<Unordered>);
        table.Add(Code.Ftst, &X87Compare.Test);
        table.Add(Code.Fxam, &X87Compare.Examine);
    }

    private static void AddControl(HandlerTable table)
    {
        table.Add(Code.Fnop, &X87Control.Nothing);
        table.Add(Code.Fneni, &X87Control.Nothing);
        table.Add(Code.Fndisi, &X87Control.Nothing);
        table.Add(Code.Fnsetpm, &X87Control.Nothing);
        table.Add(Code.Wait, &X87Control.Wait);
        table.Add(Code.Fninit, &X87Control.Initialize);
        table.Add(Code.Fnclex, &X87Control.ClearExceptions);
        table.Add(Code.Fldcw_m2byte, &X87Control.LoadControl);
        table.Add(Code.Fnstcw_m2byte, &X87Control.StoreControl);
        table.Add(Code.Fnstsw_m2byte, &X87Control.StoreStatus);
        table.Add(Code.Fnstsw_AX, &X87Control.StatusToAx);
        table.Add(Code.Fincstp, &X87Control.IncrementTop);
        table.Add(Code.Fdecstp, &X87Control.DecrementTop);
        table.Add(Code.Ffree_sti, &X87Control.Free);
        table.Add(Code.Ffreep_sti, &X87Control.FreePop);
        table.Add(Code.Fnstenv_m14byte, &X87Control.StoreEnvironment<ushort>);
        table.Add(Code.Fldenv_m14byte, &X87Control.LoadEnvironment<ushort>);
        table.Add(Code.Fnsave_m94byte, &X87Control.Save<ushort>);
        table.Add(Code.Frstor_m94byte, &X87Control.Restore<ushort>);
        table.Add(Code.Fnstenv_m28byte, &X87Control.StoreEnvironment<uint>);
        table.Add(Code.Fldenv_m28byte, &X87Control.LoadEnvironment<uint>);
        table.Add(Code.Fnsave_m108byte, &X87Control.Save<uint>);
        table.Add(Code.Frstor_m108byte, &X87Control.Restore<uint>);
        table.Add(Code.Fxsave_m512byte, &X87Control.FxSave);
        table.Add(Code.Fxrstor_m512byte, &X87Control.FxRestore);
        table.Add(Code.Fxsave64_m512byte, &X87Control.FxSave);
        table.Add(Code.Fxrstor64_m512byte, &X87Control.FxRestore);
    }

    private static void Arithmetic<T>(HandlerTable table, Code single, Code whole, Code int16, Code int32, Code toTop, Code fromTop, Code pop)
        where T : IX87Operation
    {
        table.Add(single, &X87Compute.Memory<T, SingleOperand>);
        table.Add(whole, &X87Compute.Memory<T, DoubleOperand>);
        table.Add(int16, &X87Compute.Memory<T, Int16Operand>);
        table.Add(int32, &X87Compute.Memory<T, Int32Operand>);
        table.Add(toTop, &X87Compute.ToTop<T>);
        table.Add(fromTop, &X87Compute.FromTop<T>);
        table.Add(pop, &X87Compute.FromTopPop<T>);
    }
}

using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>Whether a comparison takes quiet NaNs without an exception.</summary>
internal interface IX87Comparison
{
    static abstract bool Quiet { get; }
}

internal struct Ordered : IX87Comparison
{
    public static bool Quiet => false;
}

internal struct Unordered : IX87Comparison
{
    public static bool Quiet => true;
}

/// <summary>x87 comparisons, into the status word or into RFLAGS, and FXAM.</summary>
internal static class X87Compare
{
    private const int Incomparable = Fsw.C0 | Fsw.C2 | Fsw.C3;

    public static Step Memory<TSource>(Cpu cpu, in Op op) where TSource : IX87Source => Memory<TSource>(cpu, in op, 0);

    public static Step MemoryPop<TSource>(Cpu cpu, in Op op) where TSource : IX87Source => Memory<TSource>(cpu, in op, 1);

    public static Step Register<T>(Cpu cpu, in Op op) where T : IX87Comparison => Registers<T>(cpu, in op, op.R1, 0);

    public static Step RegisterPop<T>(Cpu cpu, in Op op) where T : IX87Comparison => Registers<T>(cpu, in op, op.R1, 1);

    /// <summary>FCOMPP: ST(0) with ST(1), both are popped.</summary>
    public static Step PopBoth<T>(Cpu cpu, in Op op) where T : IX87Comparison => Registers<T>(cpu, in op, 1, 2);

    /// <summary>FCOMI and FUCOMI.</summary>
    public static Step Flags<T>(Cpu cpu, in Op op) where T : IX87Comparison => IntoFlags<T>(cpu, in op, pop: false);

    public static Step FlagsPop<T>(Cpu cpu, in Op op) where T : IX87Comparison => IntoFlags<T>(cpu, in op, pop: true);

    public static Step Test(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        return Answer(cpu, X87.IsEmpty(cpu, 0), Float80.Zero, quiet: false, X87.Environment(cpu), 0);
    }

    /// <summary>FXAM (SDM vol. 2, table 3-42); C1 is the sign, of an empty register too.</summary>
    public static Step Examine(Cpu cpu, in Op op)
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        Float80 value = X87.Get(cpu, 0);
        int kind = value.Class switch
        {
            _ when X87.IsEmpty(cpu, 0) => Fsw.C3 | Fsw.C0,
            FloatClass.Unsupported => 0,
            FloatClass.QuietNan or FloatClass.SignalingNan => Fsw.C0,
            FloatClass.Normal => Fsw.C2,
            FloatClass.Infinity => Fsw.C2 | Fsw.C0,
            FloatClass.Zero => Fsw.C3,
            _ => Fsw.C3 | Fsw.C2,
        };
        X87.SetConditions(cpu, kind | (value.IsNegative ? Fsw.C1 : 0));
        return Step.Next;
    }

    private static Step Memory<TSource>(Cpu cpu, in Op op, int pops) where TSource : IX87Source
    {
        if (!X87.IsReady(cpu) || !TSource.Load(cpu, in op, out ulong bits)) return Step.Fault;
        X87.NoteOperand(cpu, in op);
        FloatEnvironment environment = X87.Environment(cpu);
        return Answer(cpu, X87.IsEmpty(cpu, 0), TSource.Convert(bits, ref environment), quiet: false, environment, pops);
    }

    private static Step Registers<T>(Cpu cpu, in Op op, int other, int pops) where T : IX87Comparison
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        bool empty = X87.IsEmpty(cpu, 0) || X87.IsEmpty(cpu, other);
        return Answer(cpu, empty, X87.Get(cpu, other), T.Quiet, X87.Environment(cpu), pops);
    }

    /// <summary>Compares ST(0), unless an operand is empty, and answers in C0, C2 and C3.</summary>
    private static Step Answer(Cpu cpu, bool empty, Float80 other, bool quiet, FloatEnvironment environment, int pops)
    {
        int conditions = Incomparable;
        bool accepted;
        if (empty) accepted = X87.Underflow(cpu);
        else
        {
            FloatRelation relation = X87Arithmetic.Compare(X87.Get(cpu, 0), other, quiet, ref environment);
            if (relation == FloatRelation.Unordered) environment.Raised &= ~FloatExceptions.Denormal; // a NaN comes before it
            accepted = X87.Accept(cpu, environment);
            conditions = ConditionsOf(relation);
        }
        X87.SetConditions(cpu, conditions);
        for (; accepted && pops > 0; pops--) X87.Pop(cpu);
        return Step.Next;
    }

    private static Step IntoFlags<T>(Cpu cpu, in Op op, bool pop) where T : IX87Comparison
    {
        if (!X87.IsReady(cpu)) return Step.Fault;
        X87.Note(cpu, in op);
        var relation = FloatRelation.Unordered;
        bool accepted;
        if (X87.IsEmpty(cpu, 0) || X87.IsEmpty(cpu, op.R1)) accepted = X87.Underflow(cpu);
        else
        {
            FloatEnvironment environment = X87.Environment(cpu);
            relation = X87Arithmetic.Compare(X87.Get(cpu, 0), X87.Get(cpu, op.R1), T.Quiet, ref environment);
            int c1 = cpu.State.FpuStatus & Fsw.C1;
            accepted = X87.Accept(cpu, environment);
            cpu.State.FpuStatus |= (ushort)c1; // which only a stack fault changes here
        }
        cpu.Flags.Value = SseScalar.FlagsOf(relation);
        if (accepted && pop) X87.Pop(cpu);
        return Step.Next;
    }

    private static int ConditionsOf(FloatRelation relation) => relation switch
    {
        FloatRelation.Less => Fsw.C0,
        FloatRelation.Equal => Fsw.C3,
        FloatRelation.Greater => 0,
        _ => Incomparable,
    };
}

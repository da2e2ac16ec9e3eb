namespace Rhea.SoftCpu;

/// <summary>What a processor's thread holds while it runs guest code, and others to change what it knows. Not to be entered twice.</summary>
/// <remarks>It is given up and taken back around each access to a device, so that costs one exchange; those who wait do so for an instant, and yield.</remarks>
internal sealed class InsideLock
{
    private int _taken;

    public void Enter()
    {
        for (SpinWait spin = default; Interlocked.Exchange(ref _taken, 1) != 0;) spin.SpinOnce(sleep1Threshold: -1);
    }

    public void Exit() => Volatile.Write(ref _taken, 0);

    /// <summary>Enters, and exits at the end of a <c>using</c>.</summary>
    public Scope EnterScope()
    {
        Enter();
        return new Scope(this);
    }

    public readonly ref struct Scope(InsideLock of)
    {
        public void Dispose() => of.Exit();
    }
}

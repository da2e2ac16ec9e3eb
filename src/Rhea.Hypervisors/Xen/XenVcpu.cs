using Rhea.Core;
using Rhea.Core.Cpu;
using Rhea.Host;
using Rhea.X86;

namespace Rhea.Hypervisors.Xen;

/// <summary>A processor of the domain's. Xen runs all of them or none: the first one's thread stands for the domain and serves it, the others' wait.</summary>
internal sealed class XenVcpu(XenAccelerator accelerator, XenDomain domain, int index, IMachineBus bus) : IVcpu
{
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly ulong[] _general = new ulong[16];
    private volatile bool _kicked, _nmi;
    private CpuState _kept; // what Xen has no place for

    public long Time => bus.Time;

    public bool Kicked => _kicked;

    /// <summary>An NMI is to be given to it as soon as the domain stands still.</summary>
    public bool WantsNmi => _nmi;

    /// <summary>It waits for INIT and SIPI, in Xen's eyes. While the domain stands still.</summary>
    public bool IsDown => domain.Context.Find(XenRecord.Cpu, index).IsEmpty;

    /// <summary>It waits for a start-up IPI, as the local APIC that was written last has it.</summary>
    public bool WaitsForSipi { get; set; }

    /// <summary>Nothing that a device could use: Xen does not show them while an access is under way.</summary>
    public Span<ulong> General
    {
        get
        {
            Array.Clear(_general);
            return _general;
        }
    }

    public DebugStops DebugStops
    {
        get;
        set
        {
            if (value.SingleStep || value.Breakpoints.Count + value.Watchpoints.Count > 0)
                throw new ConfigException("Xen's processors are not stopped by breakpoints in this version of rhea; -accel tcg has them");
            field = value;
        }
    } = DebugStops.None;

    public DebugHit? DebugHit => null;

    public VcpuStop Run(long budget = long.MaxValue)
    {
        VcpuStop stop = VcpuStop.Kicked;
        try
        {
            if (index == 0) stop = accelerator.RunDomain(this);
            else while (!_kicked) _wake.WaitOne();
        }
        catch (Exception fault)
        {
            accelerator.Report($"Xen: {(fault is HostException ? fault.Message : fault)}");
            stop = VcpuStop.InternalError;
        }

        _kicked = false;
        return stop;
    }

    /// <summary>A processor that waits does so in Xen.</summary>
    public void Sleep()
    {
    }

    public void Kick()
    {
        _kicked = true;
        if (index == 0) accelerator.Wake();
        else _wake.Set();
    }

    public void SetIntr(bool level) => throw new NotSupportedException("the interrupt controllers are in Xen");

    /// <summary>Xen has no A20 gate: it is always open.</summary>
    public void SetA20(bool open)
    {
    }

    /// <summary>INIT and SIPI are Xen's own, and it has no system management mode.</summary>
    public void Signal(CpuSignal signal, byte vector = 0)
    {
        if (signal != CpuSignal.Nmi) return;
        _nmi = true;
        accelerator.Wake();
    }

    /// <summary>
    /// Lets it begin with an NMI. While the domain stands still: the call that a device model has for it (inject_event) makes a hardware
    /// exception of it, which AMD's processors refuse, and does not wake one that sleeps. One that is amid another event takes it next time.
    /// </summary>
    /// <remarks>Whether it is inside another NMI is in no record of Xen's.</remarks>
    public void DeliverNmi()
    {
        if (!_nmi) return;
        ReadOnlySpan<byte> record = domain.Context.Find(XenRecord.Cpu, index);
        if (!record.IsEmpty && XenRegisters.HasEvent(record)) return;
        _nmi = false;
        if (record.IsEmpty) return; // it waits for its start, or sleeps for good
        XenRegisters.StoreNmi(domain.ChangeVcpu(index));
        int extended = domain.Context.Find(XenRecord.Xsave, index).Length;
        if (extended != 0) domain.Context.Change(XenRecord.Xsave, index, extended); // goes back with the rest
    }

    public void Read(CpuRegisters into)
    {
        XenContext context = domain.Context;
        into.State = _kept;
        ref CpuState state = ref into.State;
        ReadOnlySpan<byte> record = context.Find(XenRecord.Cpu, index), xsave = context.Find(XenRecord.Xsave, index), mtrr = context.Find(XenRecord.Mtrr, index);
        if (!record.IsEmpty) XenRegisters.Fetch(record, ref state);
        if (!xsave.IsEmpty) XenRegisters.FetchXsave(xsave, ref state);
        if (!mtrr.IsEmpty) XenRegisters.FetchMtrr(mtrr, ref state);
        state.A20 = true;
        state.NmiPending = _nmi;
        state.TscKilohertz = XenRegisters.TscRate(context.Find(XenRecord.Header));
        state.Activity = record.IsEmpty ? CpuActivity.WaitForSipi : domain.IsBlocked(index) ? CpuActivity.Halted : CpuActivity.Running;
    }

    /// <summary>A saved state calls a processor halted that waits for its start: its local APIC knows better.</summary>
    public void Write(CpuRegisters from)
    {
        ref CpuState state = ref from.State;
        _kept = state;
        _nmi = state.NmiPending;
        if (state.TscKilohertz is > 0 and <= uint.MaxValue) domain.SetTscRate((uint)state.TscKilohertz);
        XenRegisters.StoreMtrr(in state, domain.Context.Change(XenRecord.Mtrr, index, XenRegisters.MtrrLength));
        if (state.Activity == CpuActivity.WaitForSipi || (state.Activity == CpuActivity.Halted && WaitsForSipi))
        {
            domain.StopVcpu(index);
            return;
        }

        XenRegisters.Store(in state, domain.ChangeVcpu(index));
        if (state.Xcr0 > 1) XenRegisters.StoreXsave(in state, domain.Context.Change(XenRecord.Xsave, index, XenRegisters.XsaveLength));
    }

    public bool TryTranslate(ulong linear, out ulong physical)
    {
        const int PhysicalBits = 52;
        var registers = new CpuRegisters(index);
        Read(registers);
        ref CpuState state = ref registers.State;
        var tables = new Tables(bus);
        return Paging.Translate(ref tables, new PagingRegisters(state.Cr0, state.Cr3, state.Cr4, state.Efer, PhysicalBits), linear,
            new PageAccess(false, false, false, Probe: true), out physical, out _, out _);
    }

    public void Dispose() => _wake.Dispose();

    /// <summary>Page tables in guest memory, only looked at.</summary>
    private readonly struct Tables(IMachineBus bus) : IPhysicalMemory
    {
        public ulong Read(ulong address, int size) => bus.ReadMemory(address, size, smm: false);

        public bool TrySet(ulong address, int size, ulong was, ulong value) => true;
    }
}

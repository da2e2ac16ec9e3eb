using Rhea.Core.Cpu;
using Rhea.Core.State;

namespace Rhea.Core.Machines;

/// <summary>A processor as a part of the machine: its section of state, and the thread on which its accelerator runs it.</summary>
/// <param name="vcpu">The accelerator's side of it.</param>
/// <param name="index">0 is the one that boots.</param>
/// <param name="signature">Family, model and stepping: what EDX holds after RESET.</param>
public sealed class Processor(IVcpu vcpu, int index, uint signature) : Device, IDisposable
{
    private readonly CpuRegisters _registers = new(index);
    private readonly ManualResetEventSlim _go = new(), _parked = new(initialState: true);
    private Thread? _thread;
    private volatile bool _mayRun, _ending;

    public int Index => index;

    public IVcpu Vcpu => vcpu;

    /// <summary>As of the last <see cref="Fetch"/>, save or reset.</summary>
    public CpuRegisters Registers => _registers;

    public override StructType Section { get; } = new("cpu", 12, Oldest: 11);

    /// <summary>Told, on the processor's thread, why it stopped by itself.</summary>
    internal Action<Processor, VcpuStop>? Stopped { get; set; }

    public override void Reset()
    {
        _registers.Reset(signature);
        vcpu.Write(_registers);
    }

    public override void Saving() => Fetch();

    public override void Visit(StateVisitor state) => _registers.Visit(state);

    public override void Loaded() => vcpu.Write(_registers);

    /// <summary>Brings <see cref="Registers"/> up to date; the processor must be parked.</summary>
    public CpuRegisters Fetch()
    {
        vcpu.Read(_registers);
        return _registers;
    }

    /// <summary>Lets the processor run.</summary>
    internal void Resume()
    {
        if (_thread is null)
        {
            _thread = new Thread(Main) { IsBackground = true, Name = $"CPU {index}/{vcpu.GetType().Name}" };
            _thread.Start();
        }

        _parked.Reset();
        _mayRun = true;
        _go.Set();
    }

    /// <summary>Asks the processor to park, from any thread.</summary>
    internal void RequestPause()
    {
        _go.Reset();
        _mayRun = false;
        vcpu.Kick();
    }

    /// <summary>Waits until it has parked. Not under the machine lock, for the processor may be waiting for that.</summary>
    internal void WaitParked() => _parked.Wait();

    public void Dispose()
    {
        _ending = true;
        RequestPause();
        _go.Set();
        _thread?.Join();
        vcpu.Dispose();
        _go.Dispose();
        _parked.Dispose();
    }

    private void Main()
    {
        while (true)
        {
            _go.Wait();
            if (_ending) return;
            while (_mayRun) Step();
            _parked.Set();
        }
    }

    private void Step()
    {
        VcpuStop stop = vcpu.Run();
        switch (stop)
        {
            case VcpuStop.Kicked or VcpuStop.BudgetSpent:
                break;
            case VcpuStop.Halted:
                vcpu.Sleep();
                break;
            default:
                _go.Reset();
                _mayRun = false;
                Stopped?.Invoke(this, stop);
                break;
        }
    }
}

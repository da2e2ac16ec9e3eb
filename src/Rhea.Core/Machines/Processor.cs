using Rhea.Core.Cpu;
using Rhea.Core.State;
using Gate = System.Threading.Monitor;

namespace Rhea.Core.Machines;

/// <summary>A processor as a part of the machine: its section of state, and the thread on which its accelerator runs it.</summary>
/// <param name="vcpu">The accelerator's side of it.</param>
/// <param name="index">0 is the one that boots.</param>
/// <param name="signature">Family, model and stepping: what EDX holds after RESET.</param>
public sealed class Processor(IVcpu vcpu, int index, uint signature) : Device, IDisposable
{
    private readonly CpuRegisters _registers = new(index);
    private readonly object _gate = new();
    private Thread? _thread;
    private volatile bool _mayRun, _ending;
    private bool _parked = true; // under _gate

    public int Index => index;

    public IVcpu Vcpu => vcpu;

    /// <summary>As of the last <see cref="Fetch"/>, save or reset.</summary>
    public CpuRegisters Registers => _registers;

    public override string Model => "x86_64-cpu";

    public override StructType Section { get; } = new("cpu", 12, Oldest: 11);

    /// <summary>It has no thread, and runs when its turn comes on the loop's.</summary>
    internal bool SharesThread { get; set; }

    /// <summary>Tells the clock whether its thread has something to do; null where time does not wait for it.</summary>
    internal PacedClock.Runner? Runner { get; set; }

    /// <summary>It is neither to park nor parked.</summary>
    internal bool MayRun => _mayRun;

    /// <summary>Told, on the processor's thread, why it stopped by itself.</summary>
    internal Action<Processor, VcpuStop>? Stopped { get; set; }

    public override void Reset()
    {
        vcpu.Resetting();
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
        lock (_gate)
        {
            (_mayRun, _parked) = (true, false);
            Gate.PulseAll(_gate);
        }

        if (_thread is not null || SharesThread) return;
        _thread = new Thread(Main) { IsBackground = true, Name = $"CPU {index}/{vcpu.GetType().Name}" };
        _thread.Start();
    }

    /// <summary>Asks the processor to park, from any thread.</summary>
    internal void RequestPause()
    {
        lock (_gate)
        {
            _mayRun = false;
            Gate.PulseAll(_gate);
        }

        vcpu.Kick();
    }

    /// <summary>Waits until it has parked. Not under the machine lock, for the processor may be waiting for that.</summary>
    internal void WaitParked()
    {
        lock (_gate)
        {
            while (!_parked && !SharesThread) Gate.Wait(_gate);
        }
    }

    public void Dispose()
    {
        _ending = true;
        RequestPause();
        _thread?.Join();
        vcpu.Dispose();
    }

    private void Main()
    {
        while (WaitForResume())
        {
            while (_mayRun) Step();
            Runner?.End();
        }
    }

    /// <summary>Parked until it may run; false when it is to end. A pause that follows a resume at once finds it parked again.</summary>
    private bool WaitForResume()
    {
        lock (_gate)
        {
            while (!_mayRun && !_ending)
            {
                _parked = true;
                Gate.PulseAll(_gate);
                Gate.Wait(_gate);
            }

            if (!_ending) return true;
            _parked = true;
            Gate.PulseAll(_gate);
            return false;
        }
    }

    private void Step()
    {
        Runner?.Begin();
        VcpuStop stop = vcpu.Run();
        if (stop != VcpuStop.Halted)
        {
            Note(stop);
            return;
        }

        Runner?.End();
        vcpu.Sleep();
    }

    /// <summary>The processor has stopped by itself, for this reason.</summary>
    internal void Note(VcpuStop stop)
    {
        switch (stop)
        {
            case VcpuStop.Kicked or VcpuStop.BudgetSpent or VcpuStop.Yielded or VcpuStop.Halted:
                break;
            default:
                _mayRun = false;
                Stopped?.Invoke(this, stop);
                break;
        }
    }
}

namespace Rhea.Core.Cpu;

/// <summary>What has been sent to a processor and not been taken by it yet. Any thread sends, the processor's own takes.</summary>
public struct PendingSignals
{
    private volatile bool _nmi, _smi, _init, _startUp;
    private volatile byte _startUpVector;

    public bool Nmi { readonly get => _nmi; set => _nmi = value; }

    public bool Smi { readonly get => _smi; set => _smi = value; }

    public bool Init { readonly get => _init; set => _init = value; }

    public bool StartUp { readonly get => _startUp; set => _startUp = value; }

    /// <summary>The page of the last <see cref="CpuSignal.StartUp"/>.</summary>
    public readonly byte StartUpVector => _startUpVector;

    /// <summary>An INIT makes an earlier start-up void.</summary>
    public void Send(CpuSignal signal, byte vector)
    {
        switch (signal)
        {
            case CpuSignal.Nmi:
                _nmi = true;
                break;
            case CpuSignal.Smi:
                _smi = true;
                break;
            case CpuSignal.Init:
                _startUp = false;
                _init = true;
                break;
            default:
                _startUpVector = vector;
                _startUp = true;
                break;
        }
    }
}

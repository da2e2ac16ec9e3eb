using Rhea.Core.Backends;
using Rhea.Host;

namespace Rhea.Backends.Char;

/// <summary>Standard input and output. A terminal is raw while this lives, and is left as it was found.</summary>
public sealed class StdioChar : ICharBackend, IDisposable
{
    private readonly CharStream _stream;
    private readonly Terminal? _terminal;

    /// <param name="loop">Where the front end is called.</param>
    /// <param name="signals">Ctrl-C and Ctrl-Z act on the program and do not reach the guest.</param>
    public StdioChar(SynchronizationContext loop, bool signals)
    {
        _stream = new CharStream(loop);
        _terminal = Terminal.Open(signals);
        Stream output = DescriptorStream.Standard(1);
        if (Terminal.IsOutput) output = new TerminalOutputStream(output, Terminal.Rows);
        _stream.Open(DescriptorStream.Standard(0), output, outlivesInput: true);
    }

    /// <summary>Somebody sits there.</summary>
    public bool IsTerminal => _terminal is not null && Terminal.IsOutput;

    public int Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public void Attach(ICharFrontend? frontend) => _stream.Attach(frontend);

    public void ResumeReading() => _stream.ResumeReading();

    public void Dispose()
    {
        _stream.Dispose();
        _terminal?.Dispose();
    }
}

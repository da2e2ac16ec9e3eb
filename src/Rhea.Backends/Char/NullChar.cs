using Rhea.Core.Backends;

namespace Rhea.Backends.Char;

/// <summary>Takes all and gives nothing.</summary>
public sealed class NullChar : ICharBackend
{
    public int Write(ReadOnlySpan<byte> bytes) => bytes.Length;

    public void Attach(ICharFrontend? frontend) => frontend?.Connected(true);

    public void ResumeReading()
    {
    }
}

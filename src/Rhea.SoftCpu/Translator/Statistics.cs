using System.Text;
using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>What a processor's translator did: for <c>info jit</c>, and to see which instructions it should learn next.</summary>
internal sealed class Statistics(int codes)
{
    private const int Shown = 20;

    private readonly long[] _interpreted = new long[codes];

    /// <summary>Bytes of code there are, and there can be.</summary>
    public int Used { get; set; }

    public int Room { get; set; }

    /// <summary>Blocks that there are now.</summary>
    public int Blocks { get; set; }

    /// <summary>How often all blocks were dropped, and one because its code changed.</summary>
    public int Flushes { get; set; }

    public int Invalidations { get; set; }

    /// <summary>How often generated code was entered.</summary>
    public long Entries { get; set; }

    /// <summary>A translated block had the interpreter do an instruction.</summary>
    public void Interpreted(int code) => _interpreted[code]++;

    public override string ToString()
    {
        var text = new StringBuilder("Translation buffer state:\n");
        text.Append(null, $"gen code size       {Used}/{Room}\nTB count            {Blocks}\n\nStatistics:\n");
        text.Append(null, $"TB flush count      {Flushes}\nTB invalidate count {Invalidations}\nentries             {Entries}\ninterpreted         {_interpreted.Sum()}\n");
        foreach ((int code, long count) in _interpreted.Index().Where(item => item.Item > 0).OrderByDescending(item => item.Item).Take(Shown))
            text.Append(null, $"  {(Code)code,-24} {count}\n");
        return text.ToString();
    }
}

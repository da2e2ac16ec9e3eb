using System.Text;
using Iced.Intel;

namespace Rhea.SoftCpu.Translator;

/// <summary>What a processor's translator did: for <c>info jit</c>, and to see which instructions it should learn next.</summary>
internal sealed class Statistics(int codes)
{
    private const int Shown = 20;

    private int _blocks, _crossing, _links, _loops, _mostBytes, _mostHostBytes;
    private long _instructions, _bytes, _hostBytes;

    private readonly long[] _interpreted = new long[codes];

    /// <summary>Bytes of code there are, and there can be.</summary>
    public int Used { get; set; }

    public int Room { get; set; }

    /// <summary>How often all blocks were dropped, and one because its code changed.</summary>
    public int Flushes { get; set; }

    public int Invalidations { get; set; }

    /// <summary>How often generated code was entered.</summary>
    public long Entries { get; set; }

    /// <summary>A translated block had the interpreter do an instruction.</summary>
    public void Interpreted(int code) => _interpreted[code]++;

    /// <summary>A block has been translated.</summary>
    /// <param name="instructions">Of the guest's.</param>
    /// <param name="bytes">Their bytes.</param>
    /// <param name="hostBytes">What they have become.</param>
    /// <param name="crosses">They are in two pages.</param>
    /// <param name="links">Jumps that can lead to another block at once.</param>
    /// <param name="loops">It has turns that do not look at each access.</param>
    public void Count(int instructions, int bytes, int hostBytes, bool crosses, int links, bool loops)
    {
        _blocks++;
        (_instructions, _bytes, _hostBytes, _links) = (_instructions + instructions, _bytes + bytes, _hostBytes + hostBytes, _links + links);
        (_mostBytes, _mostHostBytes) = (Math.Max(_mostBytes, bytes), Math.Max(_mostHostBytes, hostBytes));
        if (crosses) _crossing++;
        if (loops) _loops++;
    }

    /// <summary>All blocks are gone.</summary>
    /// <param name="used">Bytes that are still there.</param>
    public void Forget(int used)
    {
        (Used, Flushes) = (used, Flushes + 1);
        (_blocks, _crossing, _links, _loops, _mostBytes, _mostHostBytes, _instructions, _bytes, _hostBytes) = (0, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    public override string ToString()
    {
        var text = new StringBuilder("Translation buffer state:\n");
        text.Append(null, $"gen code size       {Used}/{Room}\nTB count            {_blocks}\n");
        int each = Math.Max(_blocks, 1);
        text.Append(null, $"TB avg target size  {_bytes / each} max={_mostBytes} bytes, {(double)_instructions / each:0.0} instructions\n");
        text.Append(null, $"TB avg host size    {_hostBytes / each} max={_mostHostBytes} bytes (expansion ratio: {(double)_hostBytes / Math.Max(_bytes, 1):0.0})\n");
        text.Append(null, $"cross page TB count {_crossing} ({100L * _crossing / each}%)\ndirect jump count   {_links}\nunchecked loops     {_loops}\n\nStatistics:\n");
        text.Append(null, $"TB flush count      {Flushes}\nTB invalidate count {Invalidations}\nentries             {Entries}\ninterpreted         {_interpreted.Sum()}\n");
        foreach ((int code, long count) in _interpreted.Index().Where(item => item.Item > 0).OrderByDescending(item => item.Item).Take(Shown))
            text.Append(null, $"  {(Code)code,-24} {count}\n");
        return text.ToString();
    }
}

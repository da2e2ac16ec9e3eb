using Rhea.Core.Memory;

namespace Rhea.Hypervisors.Xen;

/// <summary>Which chunks of guest memory are mapped here, and which go when there are too many: those that were not asked for lately.</summary>
/// <remarks>Its user holds a lock on it. A chunk that is looked at for eviction must be asked for again; if it was by the next time, it stays once more.</remarks>
/// <param name="most">Chunks that may be mapped for long.</param>
internal sealed class XenMapCache(int most)
{
    /// <summary>16 GiB: more would be more mappings than a process may have.</summary>
    public const int MostChunks = 1 << 14;

    private readonly Dictionary<(RamBlock Block, ulong Number), Chunk> _chunks = [];
    private Queue<Chunk> _order = [];
    private int _mapped;
    private bool _invalid;

    public bool IsCrowded => _mapped > most;

    /// <summary>How many are mapped.</summary>
    public int Count => _mapped;

    /// <summary>Somebody needs the chunk: true when it has to be mapped for that.</summary>
    public bool Take(RamBlock block, ulong number)
    {
        Chunk chunk = Find(block, number);
        if (chunk.Mapped) return false;
        chunk.Mapped = true;
        _mapped++;
        _order.Enqueue(chunk);
        return true;
    }

    /// <summary>Chunks with pins stay.</summary>
    public void Pin(RamBlock block, ulong offset, int length, int change)
    {
        if (length == 0) return;
        for (ulong number = offset >> RamBlock.ChunkBits; number <= (offset + (ulong)length - 1) >> RamBlock.ChunkBits; number++) Find(block, number).Pins += change;
    }

    /// <summary>None of them is right any more.</summary>
    public void Invalidate() => _invalid = true;

    /// <summary>Those that are to be unmapped now.</summary>
    public List<(RamBlock Block, ulong Number)> Evict()
    {
        var evicted = new List<(RamBlock, ulong)>();
        for (int looks = 2 * _order.Count; looks > 0 && (_invalid || IsCrowded) && _order.TryDequeue(out Chunk? chunk); looks--)
        {
            bool wanted = chunk.Block.Forget(chunk.Number);
            if (chunk.Pins > 0 || (wanted && !_invalid))
            {
                _order.Enqueue(chunk);
                continue;
            }

            chunk.Mapped = false;
            _mapped--;
            evicted.Add((chunk.Block, chunk.Number));
        }

        _invalid = false;
        return evicted;
    }

    public void Remove(RamBlock block)
    {
        foreach (Chunk chunk in _chunks.Values.Where(chunk => chunk.Block == block).ToList())
        {
            _chunks.Remove((block, chunk.Number));
            if (chunk.Mapped) _mapped--;
        }

        _order = new Queue<Chunk>(_order.Where(chunk => chunk.Block != block));
    }

    private Chunk Find(RamBlock block, ulong number)
    {
        if (!_chunks.TryGetValue((block, number), out Chunk? chunk)) _chunks.Add((block, number), chunk = new Chunk(block, number));
        return chunk;
    }

    private sealed class Chunk(RamBlock block, ulong number)
    {
        public RamBlock Block => block;

        public ulong Number => number;

        public bool Mapped { get; set; }

        public int Pins { get; set; }
    }
}

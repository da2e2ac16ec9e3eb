using System.Runtime.InteropServices;
using System.Text;
using Rhea.SoftCpu.Interpreter;
using Rhea.SoftCpu.Translator;

namespace Rhea.SoftCpu.CodeCache;

/// <summary>One processor's decoded blocks, found by linear address, then by host address, then by decoding.</summary>
/// <remarks>
/// UNSAFE: blocks live in an arena that is emptied as a whole when it is full. SAFETY: it is emptied only between two blocks, and
/// every allocation is checked against its end.
/// </remarks>
internal sealed unsafe class BlockCache : IDisposable
{
    private const int ArenaBytes = 24 << 20, HashBits = 16, JumpBits = 12;
    private const int Often = 2;

    private readonly Cpu _cpu;
    private readonly BlockDecoder _decoder;
    private readonly byte* _arena = (byte*)NativeMemory.AlignedAlloc(ArenaBytes, 64);
    private readonly Block** _hash = (Block**)NativeMemory.AllocZeroed((nuint)sizeof(Block*) << HashBits);
    private readonly JumpEntry* _jumps = (JumpEntry*)NativeMemory.AllocZeroed((nuint)sizeof(JumpEntry) << JumpBits);
    private readonly byte[] _deaths = new byte[1 << JumpBits]; // of translations, by a hash of the place
    private readonly byte[] _disturbed = new byte[1 << JumpBits]; // how often a block went for a write beside it, by the same hash, up to Often
    private readonly Dictionary<nint, nint> _pages = []; // host page → its PageLinks
    private readonly nint _dead;
    private TranslatedCode? _translated;
    private int _used;

    public BlockCache(Cpu cpu)
    {
        _cpu = cpu;
        _decoder = new BlockDecoder(cpu);
        _dead = _decoder.StopHandler;
    }

    /// <summary>Makes room for translations of the blocks.</summary>
    public TranslatedCode StartTranslating(ColdBlocks cold) => _translated = new TranslatedCode(_cpu, this, cold, (nint)_arena);

    /// <summary>The block at the processor's RIP; null when fetching its first instruction faults.</summary>
    public Block* Find()
    {
        ulong linear = _cpu.LinearIp;
        JumpEntry* entry = _jumps + ((linear ^ linear >> JumpBits) & ((1 << JumpBits) - 1));
        if (entry->Linear == linear && entry->Key == Key && !entry->Block->Dead) return entry->Block;
        Block* block = FindSlow(linear, out bool lasts);
        if (block != null && lasts) *entry = new JumpEntry { Linear = linear, Block = block, Key = Key };
        return block;
    }

    private ulong Key => _cpu.Mmu.Tables.Generation << 16 | (uint)_cpu.BlockMode | (_cpu.Cpl == 3 ? 0x8000u : 0);

    /// <summary>Drops every block that has one of these bytes; the running one ends before its next instruction.</summary>
    public void Invalidate(nint host, int length)
    {
        for (nint page = host & ~0xFFF; page < host + length; page += 0x1000)
        {
            if (!_pages.TryGetValue(page, out nint first)) continue;
            PageLink** at = (PageLink**)&first;
            while (*at != null)
            {
                Block* block = (*at)->Block;
                if (!block->Dead && Overlaps(block, host, length)) Kill(block);
                if (block->Dead) *at = (*at)->Next;
                else at = &(*at)->Next;
            }

            if (first == 0) _pages.Remove(page);
            else _pages[page] = first;
        }
    }

    /// <summary>Asked before blocks are dropped that have the same marks as bytes that have been written. They can stay if none has one of the bytes, and some come back each time.</summary>
    public bool TrySpare(nint host, int length)
    {
        if (!_pages.TryGetValue(host & ~0xFFF, out nint first)) return false;
        (ulong start, int widened) = CodePages.Widen((ulong)host, length);
        var spares = false;
        for (var link = (PageLink*)first; link != null; link = link->Next)
        {
            Block* block = link->Block;
            if (block->Dead || !Overlaps(block, (nint)start, widened)) continue;
            if (Overlaps(block, host, length)) return false;
            ref byte disturbed = ref _disturbed[PlaceOf(block->Host)];
            if (disturbed == Often) spares = true;
            else disturbed++;
        }

        return spares;
    }

    /// <summary>The blocks that have run most, for those who look for what a guest spends its time with; empty when that is not counted.</summary>
    public string HotBlocks()
    {
        const int shown = 20;
        var counted = new List<(nint Block, long Executions)>();
        for (nint bucket = 0; bucket < 1 << HashBits; bucket++)
        {
            for (Block* block = _hash[bucket]; block != null; block = block->HashNext)
                if (block->Executions > 0) counted.Add(((nint)block, block->Executions));
        }

        if (counted.Count == 0) return "";
        var text = new StringBuilder("hot blocks          instructions bytes  host bytes  executions   interpreted  left\n");
        foreach ((nint at, long executions) in counted.OrderByDescending(item => item.Executions).Take(shown))
        {
            var block = (Block*)at;
            text.Append(null, $"  {block->Linear:x16}  {block->Count,12} {block->Length,5}  {block->HostLength,10}  {executions,10}  {block->Interpreted,12}  {block->Exits,4}\n");
        }

        return text.ToString();
    }

    public void Clear()
    {
        _used = 0;
        _pages.Clear();
        Array.Clear(_deaths);
        Array.Clear(_disturbed);
        NativeMemory.Clear(_hash, (nuint)sizeof(Block*) << HashBits);
        NativeMemory.Clear(_jumps, (nuint)sizeof(JumpEntry) << JumpBits);
        _translated?.Clear();
    }

    public void Dispose()
    {
        _translated?.Dispose();
        NativeMemory.AlignedFree(_arena);
        NativeMemory.Free(_hash);
        NativeMemory.Free(_jumps);
    }

    private Block* FindSlow(ulong linear, out bool lasts)
    {
        lasts = true;
        if (!_cpu.Mmu.Fetch(linear, out nint host)) return null;
        if (ArenaBytes - _used < BlockDecoder.MaxBytes) Clear();
        var room = (Block*)(_arena + _used);
        if (host == 0)
        {
            lasts = false;
            if (!_decoder.DecodeFromBus(linear, room)) return null;
            _cpu.Accelerator.Execution?.Decoded(_cpu, linear, room->Length);
            return room;
        }

        nint second = 0;
        Block** bucket = Bucket(host);
        for (Block* block = *bucket; block != null; block = block->HashNext)
        {
            if (block->Host != host || block->Mode != _cpu.BlockMode) continue;
            if (block->SecondPage == 0) return block;
            if (!_cpu.Mmu.Fetch((linear & ~0xFFFUL) + 0x1000, out second)) return null;
            if (second == block->SecondPage) return block;
        }

        if (!_decoder.Decode(linear, host, room, out lasts)) return null;
        _cpu.Accelerator.Execution?.Decoded(_cpu, linear, room->Length);
        if (!lasts) return room;
        _used += BlockDecoder.SizeOf(room);
        room->Deaths = _deaths[PlaceOf(host)];
        room->HashNext = *bucket;
        *bucket = room;
        Link(room, host & ~0xFFF);
        if (room->SecondPage != 0) Link(room, room->SecondPage);
        return room;
    }

    private void Link(Block* block, nint page)
    {
        var link = (PageLink*)(_arena + _used);
        _used += sizeof(PageLink);
        _pages.TryGetValue(page, out nint next);
        *link = new PageLink { Block = block, Next = (PageLink*)next };
        _pages[page] = (nint)link;
    }

    private void Kill(Block* block)
    {
        block->Dead = true;
        if (block->Entry != 0)
        {
            _translated!.Unlink(block);
            _deaths[PlaceOf(block->Host)] = (byte)Math.Min(block->Deaths + 1, Block.MostDeaths);
        }

        Op* ops = Block.Ops(block);
        for (var i = 0; i < block->Count; i++) ops[i].Handler = _dead;
        Block** at = Bucket(block->Host);
        while (*at != block) at = &(*at)->HashNext;
        *at = block->HashNext;
    }

    private static nint PlaceOf(nint host) => (host ^ host >> JumpBits) & ((1 << JumpBits) - 1);

    private Block** Bucket(nint host) => _hash + ((host ^ host >> HashBits) & ((1 << HashBits) - 1));

    private static bool Overlaps(Block* block, nint host, int length)
    {
        int first = block->SecondPage == 0 ? block->Length : (int)(0x1000 - (block->Host & 0xFFF));
        if (host < block->Host + first && block->Host < host + length) return true;
        return block->SecondPage != 0 && host < block->SecondPage + (block->Length - first) && block->SecondPage < host + length;
    }
}

using System.Buffers.Binary;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;

namespace Rhea.Control.Monitor.Commands;

/// <summary>The page tables of a processor, read from top to bottom: 32-bit, PAE, 4-level and 5-level (Intel SDM vol. 3, 5.1.1).</summary>
internal sealed class PageTables
{
    /// <summary>In CR0.</summary>
    public const ulong Enabled = 1UL << 31;

    private const ulong Present = 1, LargePage = 0x80;
    private const ulong PhysicalAddressExtension = 1 << 5, PageSizeExtension = 1 << 4, FiveLevels = 1 << 12;
    private const ulong AllRights = Mapping.Writable | Mapping.User;
    private const int TableSize = 4096, PointerShift = 30;

    /// <summary>Tables may point to each other in circles.</summary>
    private const int MostTables = 1 << 18;

    private readonly GuestMemory _memory;
    private readonly ulong _root;
    private readonly int _topShift, _largestLeaf, _entrySize = 8, _indexBits = 9;
    private readonly bool _hasPointers; // the four entries at the top of PAE's tables, which carry no rights
    private int _read;

    public PageTables(AddressSpace memory, in CpuState cpu)
    {
        _memory = new GuestMemory(memory);
        if (cpu.InLongMode) (_root, _topShift, _largestLeaf) = (cpu.Cr3 & Mapping.FrameBits, (cpu.Cr4 & FiveLevels) != 0 ? 48 : 39, 30);
        else if ((cpu.Cr4 & PhysicalAddressExtension) != 0) (_root, _topShift, _largestLeaf, _hasPointers) = (cpu.Cr3 & 0xFFFF_FFE0, PointerShift, 21, true);
        else (_root, _topShift, _largestLeaf, _entrySize, _indexBits) = (cpu.Cr3 & 0xFFFF_F000, 22, (cpu.Cr4 & PageSizeExtension) != 0 ? 22 : Mapping.PageShift, 4, 10);
    }

    /// <summary>The enumeration ended early.</summary>
    public bool HasMore => _read > MostTables;

    /// <summary>All pages that are present, in order of their linear addresses.</summary>
    public IEnumerable<Mapping> Mappings() => Mappings(_root, 0, _topShift, AllRights);

    private IEnumerable<Mapping> Mappings(ulong table, ulong linear, int shift, ulong rights)
    {
        bool pointers = _hasPointers && shift == PointerShift;
        var entries = new byte[pointers ? 4 * _entrySize : TableSize];
        if (_read++ >= MostTables || !_memory.Read(table, entries)) yield break;
        for (var i = 0; i < entries.Length / _entrySize && !HasMore; i++)
        {
            ulong entry = _entrySize == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(entries.AsSpan(i * 8)) : BinaryPrimitives.ReadUInt32LittleEndian(entries.AsSpan(i * 4));
            if ((entry & Present) == 0) continue;
            ulong at = linear + Extend((ulong)i << shift, shift), allowed = pointers ? rights : rights & entry;
            if (shift == Mapping.PageShift || ((entry & LargePage) != 0 && shift <= _largestLeaf)) yield return new Mapping(at, shift, entry, allowed);
            else
                foreach (Mapping page in Mappings(entry & Mapping.FrameBits, at, shift - _indexBits, allowed)) yield return page;
        }
    }

    /// <summary>Long mode's addresses repeat the topmost bit that is translated.</summary>
    private ulong Extend(ulong part, int shift)
    {
        int unused = 64 - (shift + _indexBits);
        return shift == _topShift && shift > PointerShift ? (ulong)((long)(part << unused) >> unused) : part;
    }
}

/// <summary>One page.</summary>
/// <param name="Linear">Where it starts.</param>
/// <param name="Shift">Log2 of its length in bytes.</param>
/// <param name="Entry">Its entry in the lowest table.</param>
/// <param name="Allowed">The rights that the entries of all levels give.</param>
internal readonly record struct Mapping(ulong Linear, int Shift, ulong Entry, ulong Allowed)
{
    public const ulong Writable = 2, User = 4;
    public const int PageShift = 12;

    /// <summary>Of an entry, the address of what it points to.</summary>
    public const ulong FrameBits = 0x000F_FFFF_FFFF_F000;

    private const ulong LargePage = 0x80, NoExecute = 1UL << 63;

    public ulong Length => 1UL << Shift;

    public ulong Frame => Entry & FrameBits & (ulong.MaxValue << Shift);

    /// <summary>"urw", with dashes for what is not allowed.</summary>
    public string Rights => $"{((Allowed & User) != 0 ? 'u' : '-')}r{((Allowed & Writable) != 0 ? 'w' : '-')}";

    /// <summary>No-execute, global, large, dirty, accessed, cache-disabled, write-through, user, writable.</summary>
    public string Flags
    {
        get
        {
            ulong bits = (Entry & NoExecute) >> 54 | Entry & 0x1FF; // no-execute in bit 9, above the others
            if (Shift == PageShift) bits &= ~LargePage;                       // there it selects a memory type
            return string.Create(9, bits, static (text, bits) =>
            {
                for (var i = 0; i < text.Length; i++) text[i] = (bits >> (text.Length - i) & 1) != 0 ? "XGPDACTUW"[i] : '-';
            });
        }
    }
}

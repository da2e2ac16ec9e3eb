using System.Numerics;
using Rhea.Core.Memory;

namespace Rhea.Hypervisors.Kvm;

/// <summary>One view of the physical map as KVM's memory slots: processors reach RAM and read ROM by themselves, all else becomes an exit.</summary>
/// <param name="vm">The machine's file.</param>
/// <param name="space">KVM's address space: 0, or 1 for system management mode.</param>
/// <param name="readOnlyMemory">The kernel knows ROM; else ROM's accesses are exits, all of them.</param>
internal sealed class KvmMemory(KvmFile vm, uint space, bool readOnlyMemory) : IMapListener
{
    private const uint LogDirtyPages = 1, ReadOnly = 2;

    private readonly Dictionary<ulong, Slot> _slots = []; // by first address
    private readonly Stack<uint> _free = new();
    private readonly HashSet<RamBlock> _followed = [];
    private uint _next;

    /// <summary>How often the map has changed: an exit from a moment when a slot was away is no fault.</summary>
    public int Changes { get; private set; }

    public void Removed(MapEntry entry)
    {
        if (!_slots.Remove(entry.Start, out Slot? slot)) return;
        if (slot.Logs) Collect(slot);
        Set(slot with { Entry = entry with { Length = 0 } });
        _free.Push(slot.Number);
        Changes++;
    }

    public void Added(MapEntry entry)
    {
        if (entry.Ram is not { } ram || (entry.ReadOnly && !readOnlyMemory)) return;
        if (_followed.Add(ram))
        {
            ram.Collecting += Collect;
            ram.TrackingChanged += OnTrackingChanged;
        }

        var slot = new Slot(_free.TryPop(out uint number) ? number : _next++, entry, ram.IsTracked);
        _slots.Add(entry.Start, slot);
        Set(slot);
        Changes++;
    }

    public void Committed(FlatMap map)
    {
    }

    private void Set(Slot slot)
    {
        MapEntry entry = slot.Entry;
        var region = new KvmMemoryRegion
        {
            Slot = slot.Number | space << 16,
            Flags = (slot.Logs ? LogDirtyPages : 0) | (entry.ReadOnly ? ReadOnly : 0),
            GuestAddress = entry.Start,
            Size = entry.Length,
            HostAddress = (ulong)entry.Ram!.HostAddress + entry.Offset,
        };
        vm.Call(KvmCall.SetUserMemoryRegion, ref region);
    }

    private void OnTrackingChanged(RamBlock ram)
    {
        foreach (Slot slot in _slots.Values.Where(slot => slot.Entry.Ram == ram).ToList())
        {
            Slot changed = slot with { Logs = ram.IsTracked };
            _slots[slot.Entry.Start] = changed;
            Set(changed);
        }
    }

    private void Collect(RamBlock ram)
    {
        foreach (Slot slot in _slots.Values)
            if (slot.Logs && slot.Entry.Ram == ram) Collect(slot);
    }

    private void Collect(Slot slot)
    {
        MapEntry entry = slot.Entry;
        Span<ulong> bitmap = slot.Bitmap.AsSpan();
        if (!vm.TryGetDirtyLog(slot.Number | space << 16, bitmap)) return;
        for (var i = 0; i < bitmap.Length; i++)
            for (ulong word = bitmap[i]; word != 0; word &= word - 1)
                entry.Ram!.MarkDirty(entry.Offset + (((ulong)i * 64) + (ulong)BitOperations.TrailingZeroCount(word) << RamBlock.PageBits), 1);
    }

    private sealed record Slot(uint Number, MapEntry Entry, bool Logs)
    {
        public ulong[] Bitmap { get; } = new ulong[((Entry.Length >> RamBlock.PageBits) + 63) / 64];
    }
}

using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Xen;

/// <summary>The two pages in which Xen hands over accesses: a ring of writes that nobody waits for, and a slot for each processor.</summary>
/// <remarks>Xen, public/hvm/ioreq.h. Whatever is in them, an answer is a bounded amount of work: each field is read once, then used.</remarks>
/// <param name="pages">The ring, then the slots.</param>
/// <param name="buses">By processor.</param>
/// <param name="calendarMoved">Told the seconds by which the guest has moved its calendar.</param>
/// <param name="invalidated">Told when pages have moved.</param>
internal sealed class IoreqPages(SharedPages pages, IMachineBus[] buses, Action<long> calendarMoved, Action invalidated) : IDisposable
{
    public const int Count = 2, PageSize = 4096, SlotLength = 32, RingEntries = 511, RingStart = 8;

    private const int SlotFlags = 30;

    /// <summary>Which of the domain's channels tells of the processor's accesses.</summary>
    public uint EventChannel(int index) => Slot(index).EventChannel;

    /// <summary>Does what a processor waits for; false when it waits for nothing.</summary>
    public bool Answer(int index)
    {
        ref byte flags = ref pages.At<byte>(SlotAt(index) + SlotFlags);
        if ((Volatile.Read(ref flags) & IoreqState.Mask) != IoreqState.Ready) return false;
        ref Ioreq slot = ref Slot(index);
        Ioreq request = slot;
        Volatile.Write(ref flags, (byte)((request.Flags & ~IoreqState.Mask) | IoreqState.InProcess));
        if (request.Type == IoreqType.Invalidate) invalidated();
        else slot.Data = IoreqAccess.Do(request, buses[index]);
        Volatile.Write(ref flags, (byte)((request.Flags & ~IoreqState.Mask) | IoreqState.Answered));
        return true;
    }

    /// <summary>Writes that nobody waits for come before the access that somebody does.</summary>
    public void Drain()
    {
        ref uint read = ref pages.At<uint>(0);
        uint write = Volatile.Read(ref pages.At<uint>(4));
        for (var left = RingEntries; left > 0 && read != write; left--)
        {
            ulong entry = Entry(read), high = 0;
            uint taken = 1;
            if (IoreqAccess.IsWide(entry) && read + 1 != write) (high, taken) = (Entry(read + 1), 2);
            if (IoreqAccess.IsTimeOffset(entry)) calendarMoved((long)(entry >> 32 | high & ~(ulong)uint.MaxValue));
            else IoreqAccess.DoBuffered(entry, high, buses[0]);
            Volatile.Write(ref read, read + taken);
        }
    }

    public void Dispose() => pages.Dispose();

    private static int SlotAt(int index) => PageSize + (index * SlotLength);

    private ref Ioreq Slot(int index) => ref pages.At<Ioreq>(SlotAt(index));

    private ulong Entry(uint at) => pages.At<ulong>(RingStart + ((int)(at % RingEntries) * sizeof(ulong)));
}

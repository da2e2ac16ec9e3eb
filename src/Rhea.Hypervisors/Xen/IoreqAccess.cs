using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Xen;

/// <summary>What an ioreq asks for, done on the machine's bus. Whatever is in it, no more than one page of data moves.</summary>
internal static class IoreqAccess
{
    private const int MostBytes = 4096;
    private const ulong ConfigData = 0xCFC;

    /// <returns>What was read; of a write, or with data in memory, what the request came with.</returns>
    public static ulong Do(in Ioreq request, IMachineBus bus)
    {
        ulong nothing = request is { IsRead: true, DataIsPointer: false } ? ulong.MaxValue : request.Data;
        int size = request.Size is 1 or 2 or 4 or 8 ? (int)request.Size : 0;
        bool memory = request.Type == IoreqType.Memory;
        if (size == 0 || (size == 8 && !memory)) return nothing;
        switch (request.Type)
        {
            case IoreqType.Port:
                return Repeat(in request, bus, size, isMemory: false, (ushort)request.Address);
            case IoreqType.Memory:
                return Repeat(in request, bus, size, isMemory: true, request.Address);
            case IoreqType.PciConfig: // the host bridge has the address: it is written to its port first
                return Repeat(in request, bus, size, isMemory: false, ConfigData | (request.Address & 3));
            default:
                return nothing;
        }
    }

    /// <summary>The entry's access has 8 bytes, the upper 4 in the entry behind it.</summary>
    public static bool IsWide(ulong entry) => (entry >> 10 & 3) == 3;

    /// <summary>No access, but the seconds by which the guest has just moved its calendar, in place of data.</summary>
    public static bool IsTimeOffset(ulong entry) => (IoreqType)(byte)entry == IoreqType.TimeOffset;

    /// <summary>A write from the ring: type, direction, size and 20 bits of address, then 32 bits of data.</summary>
    public static void DoBuffered(ulong entry, ulong high, IMachineBus bus)
    {
        var type = (IoreqType)(byte)entry;
        bool isRead = (entry >> 9 & 1) != 0;
        int size = 1 << (int)(entry >> 10 & 3);
        ulong address = entry >> 12 & 0xF_FFFF, data = entry >> 32;
        if (isRead) return;
        if (type == IoreqType.Memory) bus.WriteMemory(address, size, size == 8 ? data | high & ~(ulong)uint.MaxValue : data & Mask(size), smm: false);
        else if (type == IoreqType.Port && size < 8) bus.WritePort((ushort)address, size, (uint)(data & Mask(size)));
    }

    private static ulong Repeat(in Ioreq request, IMachineBus bus, int size, bool isMemory, ulong address)
    {
        if (!request.DataIsPointer) return Access(request.IsRead, bus, size, isMemory, address, request.Data);
        long step = request.GoesDown ? -size : size;
        ulong data = request.Data;
        for (uint left = Math.Min(request.Count, (uint)(MostBytes / size)); left > 0; left--)
        {
            if (request.IsRead) bus.WriteMemory(data, size, Access(true, bus, size, isMemory, address, 0) & Mask(size), smm: false);
            else _ = Access(false, bus, size, isMemory, address, bus.ReadMemory(data, size, smm: false) & Mask(size));
            data = (ulong)((long)data + step);
            if (isMemory) address = (ulong)((long)address + step);
        }

        return request.Data;
    }

    private static ulong Access(bool isRead, IMachineBus bus, int size, bool isMemory, ulong address, ulong value)
    {
        if (isRead) return (isMemory ? bus.ReadMemory(address, size, smm: false) : bus.ReadPort((ushort)address, size)) & Mask(size);
        if (isMemory) bus.WriteMemory(address, size, value & Mask(size), smm: false);
        else bus.WritePort((ushort)address, size, (uint)(value & Mask(size)));
        return value;
    }

    private static ulong Mask(int size) => size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
}

using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>The bus master of one IDE channel: finds, in a table that the guest has made, where in memory a transfer goes.</summary>
/// <remarks>
/// Intel, Programming Interface for Bus Master IDE Controller, revision 1.0. A table's entries are eight bytes each: address, byte
/// count (0 is 64 KiB), and a bit that marks the last.
/// </remarks>
public sealed class IdeBusMaster(GuestMemory memory)
{
    private const int Command = 0, Status = 2, Table = 4;
    private const byte Start = 0x01, ToMemory = 0x08;                                         // command
    private const byte Active = 0x01, Failed = 0x02, Interrupt = 0x04, Capable = 0x60;        // status
    private const byte Retry = 0x78;                                                          // where older versions kept what waits
    private const int EntryLength = 8, MostEntries = 8192;                                    // 64 KiB of table
    private const uint LastEntry = 0x8000_0000;
    internal static readonly StructType Type = new("ide bmdma", 3);

    private byte _command, _status;
    private uint _table;
    private uint _address, _last, _length, _entry; // a table half read: from a QEMU that was stopped by an error; it starts over
    private bool _inUse; // the engine does not stop before the host has let go of the guest's memory

    /// <summary>The guest has set the start bit.</summary>
    public bool Started => (_command & Start) != 0;

    /// <summary>The drive has asked for an interrupt since the guest last cleared the bit.</summary>
    public bool Interrupted => (_status & Interrupt) != 0;

    /// <summary>The guest has started the engine: what waits for it may begin.</summary>
    public event Action? OnStart;

    public void Reset()
    {
        (_command, _status, _table) = (0, 0, 0);
        (_address, _last, _length, _entry) = (0, 0, 0, 0);
    }

    /// <summary>Reads and writes of the wrong width find nobody, except in the table's address.</summary>
    public ulong Read(uint offset, int size) => (offset, size) switch
    {
        (Command, 1) => _command,
        (Status, 1) => _status,
        ( >= Table, _) => _table >> (int)((offset - Table) * 8),
        _ => ulong.MaxValue,
    };

    public void Write(uint offset, int size, ulong value)
    {
        switch (offset)
        {
            case Command when size == 1:
                WriteCommand((byte)value);
                break;
            case Status when size == 1:
                _status = (byte)(((byte)value & Capable) | (_status & Active) | (_status & ~(byte)value & (Failed | Interrupt)));
                break;
            case >= Table:
                int shift = (int)((offset - Table) * 8);
                ulong mask = (ulong.MaxValue >> (64 - (size * 8))) << shift;
                _table = (uint)((_table & ~mask) | (value << shift & mask)) & ~3u;
                break;
        }
    }

    public void NoteInterrupt() => _status |= Interrupt;

    /// <summary>Walks the table for a transfer of that many bytes.</summary>
    public IdeMemory Map(long length, bool toMemory)
    {
        var list = new ScatterList();
        for (uint entry = 0; entry < MostEntries; entry++)
        {
            uint at = _table + (entry * EntryLength);
            uint address = memory.Read<uint>(at) & ~1u, control = memory.Read<uint>(at + 4);
            uint bytes = control & 0xFFFE;
            if (bytes == 0) bytes = 0x10000;
            long use = Math.Min(bytes, length - list.Length);
            if (use > 0 && !memory.TryMap(address, use, toMemory, list)) return new IdeMemory(list, IdeMemoryFit.Fault);
            bool last = (control & LastEntry) != 0;
            if (list.Length == length && (use < bytes || !last)) return new IdeMemory(list, IdeMemoryFit.Longer);
            if (last) return new IdeMemory(list, list.Length == length ? IdeMemoryFit.Exact : IdeMemoryFit.Shorter);
        }

        return new IdeMemory(list, IdeMemoryFit.Shorter);
    }

    public void Begin() => _inUse = true;

    /// <summary>The transfer is over. The engine stays active when its table says that more is to come.</summary>
    public void End(bool staysActive, bool failed)
    {
        _inUse = false;
        if (!staysActive || !Started) _status &= unchecked((byte)~Active);
        if (failed) _status |= Failed;
    }

    public void Visit(StateVisitor state, IdeRequest request)
    {
        byte compatible = (byte)((_status & ~Retry) | ((byte)request.Kind & Retry));
        state.UInt8("cmd", ref _command);
        state.UInt8("migration_compat_status", ref compatible);
        state.UInt32("addr", ref _table);
        request.VisitCopy(state);
        state.Subsection("ide bmdma_current", 1, _length != 0, VisitCurrent);
        bool whole = state.Subsection("ide bmdma/status", 1, (_status & Retry) != 0, VisitStatus);
        if (!whole && state.Loading) _status = (byte)(compatible & ~Retry);
    }

    private void VisitCurrent(StateVisitor state)
    {
        state.UInt32("cur_addr", ref _address);
        state.UInt32("cur_prd_last", ref _last);
        state.UInt32("cur_prd_addr", ref _entry);
        state.UInt32("cur_prd_len", ref _length);
    }

    private void VisitStatus(StateVisitor state) => state.UInt8("status", ref _status);

    private void WriteCommand(byte value)
    {
        bool started = Started;
        _command = (byte)(value & (Start | ToMemory));
        if (Started && !started)
        {
            _status |= Active;
            OnStart?.Invoke();
        }
        else if (!Started && !_inUse)
        {
            _status &= unchecked((byte)~Active);
        }
    }
}

/// <summary>The guest's memory for one transfer, and whether its table is as long as the transfer.</summary>
public readonly record struct IdeMemory(ScatterList List, IdeMemoryFit Fit);

public enum IdeMemoryFit
{
    Exact,
    Longer,
    Shorter,

    /// <summary>The table points to what is no RAM.</summary>
    Fault,
}

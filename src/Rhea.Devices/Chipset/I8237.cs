using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>One 8237A DMA controller with its page registers: the first moves bytes on channels 0 to 3, the second words on 4 to 7.</summary>
/// <remarks>
/// Data sheet: Intel 8237A, 1993; page registers: IBM PC AT Technical Reference, 1984. A device moves its data through a
/// <see cref="DmaChannel"/>, as much at a time as it likes; demand, single and block mode are therefore alike.
/// </remarks>
public sealed class I8237 : Device
{
    private const byte Disabled = 0x04;                                                                // command
    private const byte Transfer = 0x0C, ToMemory = 0x04, FromMemory = 0x08, AutoInitialize = 0x10, Down = 0x20; // mode
    private const int CommandStatus = 0, Request = 1, SingleMask = 2, Mode = 3, ClearPointer = 4, MasterClear = 5, ClearMask = 6, AllMasks = 7, ReadMasks = 1; // the last where QEMU has it

    private static readonly StructType ChannelType = new("dma_regs", 1);

    private readonly GuestMemory _memory;
    private readonly int _shift; // 1 when it counts words
    private readonly Registers[] _channels = new Registers[4];
    private byte _command, _mask;
    private bool _highByteNext;

    [NotState("bits of the status register; QEMU's section has no field for them, and reading clears half of them")]
    private byte _reached, _asking;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="memory">What its transfers reach.</param>
    /// <param name="second">The one for channels 4 to 7; 4 is the cascade.</param>
    public I8237(IsaSlot slot, GuestMemory memory, bool second)
    {
        (_memory, _shift) = (memory, second ? 1 : 0);
        Channels = [.. Enumerable.Range(0, 4).Select(index => new DmaChannel(this, index))];
        slot.MapPorts(second ? (ushort)0xC0 : (ushort)0x00, new IoRegion("dma-chan", 8u << _shift, AccessSizes.Byte,
            (offset, _) => ReadChannel((int)(offset >> _shift)), (offset, _, value) => WriteChannel((int)(offset >> _shift), (byte)value)));
        slot.MapPorts(second ? (ushort)0xD0 : (ushort)0x08, new IoRegion("dma-cont", 8u << _shift, AccessSizes.Byte,
            (offset, _) => ReadControl((int)(offset >> _shift)), (offset, _, value) => WriteControl((int)(offset >> _shift), (byte)value)));
        ReadOnlySpan<ushort> pages = second ? [0x8F, 0x8B, 0x89, 0x8A] : [0x87, 0x83, 0x81, 0x82];
        for (var i = 0; i < pages.Length; i++)
        {
            int channel = i;
            slot.MapPorts(pages[i], new IoRegion("dma-page", 1, AccessSizes.Byte,
                (_, _) => _channels[channel].Page, (_, _, value) => _channels[channel].Page = (byte)value));
        }
    }

    public override string Model => "i8257";

    public override StructType Section { get; } = new("dma", 1);

    public IReadOnlyList<DmaChannel> Channels { get; }

    public override void Reset()
    {
        Array.Clear(_channels);
        Clear();
    }

    public override void Visit(StateVisitor state)
    {
        state.UInt8("command", ref _command);
        state.UInt8("mask", ref _mask);
        state.UInt8("flip_flop", ref _highByteNext);
        int shift = _shift;
        state.Int32("dshift", ref shift);
        state.Demand(shift == _shift, $"dshift was {shift}, here it is {_shift}");
        state.Structs<Registers>("regs", ChannelType, _channels, (ref Registers channel, StateVisitor inner) => channel.Visit(inner));
    }

    internal void Ask(int index, bool asks) => _asking = (byte)(asks ? _asking | 1 << index : _asking & ~(1 << index));

    internal bool IsOpen(int index) => (_command & Disabled) == 0 && (_mask >> index & 1) == 0;

    /// <summary>Moves bytes between a device and memory up to the end of the count; the rest of the buffer is left alone.</summary>
    /// <returns>How many were moved; 0 when the channel is masked or set up for the other direction.</returns>
    internal int Move(int index, Span<byte> buffer, byte direction, out bool last)
    {
        last = false;
        ref Registers channel = ref _channels[index];
        var kind = (byte)(channel.Mode & Transfer);
        if (!IsOpen(index) || (kind != 0 && kind != direction)) return 0;
        int left = ((channel.BaseCount + 1) << _shift) - channel.Moved;
        int length = Math.Clamp(left, 0, buffer.Length);
        if (kind != 0) Copy(channel, buffer[..length], direction);
        channel.Moved += length;
        last = length == left;
        if (last) Finish(index, ref channel);
        return length;
    }

    /// <summary>The address wraps inside its page of 64 KiB (or 128, of words), so a transfer has one break at most going up.</summary>
    private void Copy(in Registers channel, Span<byte> buffer, byte direction)
    {
        uint size = 0x1_0000u << _shift, page = (uint)channel.Page << 16 & ~(size - 1);
        bool down = (channel.Mode & Down) != 0;
        for (var done = 0; done < buffer.Length;)
        {
            uint at = (uint)(channel.Address + (down ? -(channel.Moved + done) : channel.Moved + done)) & size - 1;
            int part = down ? 1 : (int)Math.Min(size - at, (uint)(buffer.Length - done));
            if (direction == ToMemory) _memory.Write(page + at, buffer.Slice(done, part));
            else _memory.Read(page + at, buffer.Slice(done, part));
            done += part;
        }
    }

    private void Finish(int index, ref Registers channel)
    {
        _reached |= (byte)(1 << index);
        if ((channel.Mode & AutoInitialize) == 0) _mask |= (byte)(1 << index);
        else channel.Load(_shift);
    }

    private uint ReadChannel(int register)
    {
        ref Registers channel = ref _channels[register >> 1];
        int value = (register & 1) != 0
            ? (channel.BaseCount << _shift) - channel.Moved
            : channel.Address + ((channel.Mode & Down) != 0 ? -channel.Moved : channel.Moved);
        bool high = _highByteNext;
        _highByteNext = !high;
        return (byte)(value >> (_shift + (high ? 8 : 0)));
    }

    private void WriteChannel(int register, byte value)
    {
        ref Registers channel = ref _channels[register >> 1];
        ref ushort target = ref (register & 1) != 0 ? ref channel.BaseCount : ref channel.BaseAddress;
        target = (ushort)(_highByteNext ? (target & 0x00FF) | value << 8 : (target & 0xFF00) | value);
        if (_highByteNext) channel.Load(_shift);
        _highByteNext = !_highByteNext;
    }

    private uint ReadControl(int register)
    {
        switch (register)
        {
            case CommandStatus:
                byte reached = _reached;
                _reached = 0;
                return (uint)(reached | _asking << 4);
            case ReadMasks:
                return _mask;
            default:
                return 0;
        }
    }

    private void WriteControl(int register, byte value)
    {
        byte before = _mask;
        switch (register)
        {
            case CommandStatus:
                _command = value;
                break;
            case Request: // software requests are for memory to memory, which a PC has not
                break;
            case SingleMask:
                _mask = (byte)((value & 4) != 0 ? _mask | 1 << (value & 3) : _mask & ~(1 << (value & 3)));
                break;
            case Mode:
                _channels[value & 3].Mode = value;
                break;
            case ClearPointer:
                _highByteNext = false;
                break;
            case MasterClear:
                Clear();
                break;
            case ClearMask:
                _mask = 0;
                break;
            case AllMasks:
                _mask = value;
                break;
        }

        for (var i = 0; i < _channels.Length; i++)
            if (((before & ~_mask) >> i & 1) != 0) Channels[i].Opened?.Invoke();
    }

    private void Clear() => (_command, _mask, _highByteNext, _reached, _asking) = (0, 0xFF, false, 0, 0);

    /// <summary>One channel. As in QEMU the current values are the address loaded and how far the transfer has come.</summary>
    private struct Registers : IState
    {
        public int Address, Moved; // bytes
        public ushort BaseAddress, BaseCount;
        public byte Mode, Page;
        private byte _highPage, _acknowledged, _ended;

        public void Load(int shift) => (Address, Moved) = (BaseAddress << shift, 0);

        public void Visit(StateVisitor state)
        {
            Span<int> now = [Address, Moved];
            Span<ushort> programmed = [BaseAddress, BaseCount];
            state.Int32("now", now);
            state.UInt16("base", programmed);
            (Address, Moved, BaseAddress, BaseCount) = (now[0], now[1], programmed[0], programmed[1]);
            state.UInt8("mode", ref Mode);
            state.UInt8("page", ref Page);
            state.UInt8("pageh", ref _highPage);
            state.UInt8("dack", ref _acknowledged);
            state.UInt8("eop", ref _ended);
        }
    }
}

/// <summary>One of the channels, as its device holds it.</summary>
public sealed class DmaChannel : IDmaChannel
{
    private const byte ToMemory = 0x04, FromMemory = 0x08;

    private readonly I8237 _controller;
    private readonly int _index;

    internal DmaChannel(I8237 controller, int index) => (_controller, _index) = (controller, index);

    public Action? Opened { get; set; }

    public bool IsOpen => _controller.IsOpen(_index);

    public void Ask(bool asks) => _controller.Ask(_index, asks);

    public int WriteMemory(Span<byte> from, out bool last) => _controller.Move(_index, from, ToMemory, out last);

    public int ReadMemory(Span<byte> into, out bool last) => _controller.Move(_index, into, FromMemory, out last);
}

using System.Buffers.Binary;
using Rhea.Core.State;

namespace Rhea.Devices.Storage;

/// <summary>A drive's buffer, and the block of it that passes through the data register.</summary>
public sealed class IdePio : IState
{
    /// <summary>Bytes of data it holds: the longest transfer of a command without LBA48.</summary>
    public const int Capacity = 256 * 512;

    private const int Slack = 4; // QEMU's buffer has them and leaves them empty
    private const int LastStep = (int)IdeStep.Ended;

    private readonly byte[] _buffer = new byte[Capacity + Slack];
    private int _blockSectors, _position, _left, _chunkLeft, _packetLeft;
    private byte _next;

    public Memory<byte> Buffer => _buffer.AsMemory(0, Capacity);

    public Span<byte> Bytes => _buffer.AsSpan(0, Capacity);

    /// <summary>Sectors in a block: 1, or what SET MULTIPLE MODE has set.</summary>
    public int BlockSectors
    {
        get => _blockSectors;
        set => _blockSectors = value;
    }

    /// <summary>Bytes of a packet command's answer that come after this block.</summary>
    public int PacketLeft
    {
        get => _packetLeft;
        set => _packetLeft = value;
    }

    /// <summary>Where this block ends in the buffer.</summary>
    public int End => _position + _left;

    /// <summary>What follows when the block has passed.</summary>
    public IdeStep Next => (IdeStep)_next;

    /// <summary>
    /// Where a packet command's answer comes from, in bytes that QEMU has no field for. From a QEMU they are zero, so such a
    /// transfer is refused and the guest asks again, where otherwise it would get wrong data.
    /// </summary>
    public uint Source
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(Capacity));
        set => BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(Capacity), value);
    }

    public void Reset()
    {
        Array.Clear(_buffer);
        (_blockSectors, _position, _left, _chunkLeft, _packetLeft, _next) = (0, 0, 0, 0, 0, LastStep);
    }

    /// <summary>The next block lies in the buffer, or goes there.</summary>
    public void SetBlock(int start, int length, IdeStep next) => (_position, _left, _next) = (start, length, (byte)next);

    /// <summary>The data register is read; what the block does not fill is zero. True when the block ends with it.</summary>
    public bool Read(int size, out uint value)
    {
        value = 0;
        int length = Math.Min(size, _left);
        for (var i = 0; i < length; i++) value |= (uint)_buffer[_position + i] << (i * 8);
        return Advance(length);
    }

    /// <summary>The data register is written. True when the block ends with it.</summary>
    public bool Write(int size, uint value)
    {
        int length = Math.Min(size, _left);
        for (var i = 0; i < length; i++) _buffer[_position + i] = (byte)(value >> (i * 8));
        return Advance(length);
    }

    public void Visit(StateVisitor state)
    {
        state.Int32("req_nb_sectors", ref _blockSectors);
        state.UInt8("io_buffer", _buffer);
        state.Int32("cur_io_buffer_offset", ref _position);
        state.Int32("cur_io_buffer_len", ref _left);
        state.Demand(_position >= 0 && _left >= 0 && _position <= Capacity && _left <= Capacity - _position, "the block does not lie in the buffer");
        state.UInt8("end_transfer_fn_idx", ref _next);
        state.Demand(_next <= LastStep, $"end_transfer_fn_idx was {_next}");
        state.Int32("elementary_transfer_size", ref _chunkLeft);
        state.Int32("packet_transfer_size", ref _packetLeft);
        state.Demand(_blockSectors is >= 0 and <= IdeTaskFile.MultipleLimit && _packetLeft >= 0, "the transfer's lengths are impossible");
    }

    private bool Advance(int length)
    {
        (_position, _left) = (_position + length, _left - length);
        return length > 0 && _left == 0;
    }
}

/// <summary>What a drive does when a block has passed the data register, as the stream numbers it.</summary>
public enum IdeStep : byte
{
    ReadSectors,
    WriteSectors,
    Stop,
    PacketAnswer,
    Packet,
    Ended,
}

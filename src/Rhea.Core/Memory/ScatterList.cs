namespace Rhea.Core.Memory;

/// <summary>Where the bytes of one transfer lie, in order: pieces of guest RAM, or of a device's own buffer.</summary>
/// <remarks>
/// A block request carries one, so that the host reads straight into the guest's pages. Pieces are checked when they are made, and
/// each access goes through <see cref="RamBlock.Span"/> again, so that nobody ever holds a pointer.
/// </remarks>
public sealed class ScatterList
{
    private readonly List<Piece> _pieces = [];

    /// <summary>Bytes in all.</summary>
    public long Length { get; private set; }

    public int Count => _pieces.Count;

    public static ScatterList Of(Memory<byte> buffer)
    {
        var list = new ScatterList();
        list.Add(buffer);
        return list;
    }

    public void Add(Memory<byte> buffer)
    {
        _pieces.Add(new Piece(null, 0, buffer, buffer.Length));
        Length += buffer.Length;
    }

    public void Add(RamBlock block, ulong offset, int length)
    {
        _ = block.Span(offset, length);
        if (Count > 0 && _pieces[^1] is var last && last.Block == block && last.Offset + (ulong)last.Length == offset && last.Length <= int.MaxValue - length)
            _pieces[^1] = last with { Length = last.Length + length }; // a guest's pages often follow each other: one call for all
        else
            _pieces.Add(new Piece(block, offset, default, length));
        Length += length;
    }

    public int LengthOf(int piece) => _pieces[piece].Length;

    /// <summary>The bytes of one piece, for as long as the call that uses them.</summary>
    public Span<byte> this[int piece]
    {
        get
        {
            Piece found = _pieces[piece];
            return found.Block is { } block ? block.Span(found.Offset, found.Length) : found.Buffer.Span;
        }
    }

    /// <summary>The bytes of one piece, for a thread outside the machine lock, until they are let go.</summary>
    public Held Hold(int piece) => new(_pieces[piece]);

    /// <summary>A part of the transfer.</summary>
    public ScatterList Slice(long offset, long length)
    {
        var part = new ScatterList();
        foreach (Piece piece in _pieces)
        {
            long from = Math.Clamp(offset, 0, piece.Length), to = Math.Clamp(offset + length, 0, piece.Length);
            if (to > from && piece.Block is { } block) part.Add(block, piece.Offset + (ulong)from, (int)(to - from));
            else if (to > from) part.Add(piece.Buffer[(int)from..(int)to]);
            offset -= piece.Length;
        }

        return part;
    }

    public void CopyTo(Span<byte> bytes)
    {
        for (var i = 0; i < Count; i++)
        {
            this[i].CopyTo(bytes);
            bytes = bytes[LengthOf(i)..];
        }
    }

    public void CopyFrom(ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < Count; i++)
        {
            bytes[..LengthOf(i)].CopyTo(this[i]);
            bytes = bytes[LengthOf(i)..];
        }

        MarkWritten();
    }

    /// <summary>After somebody has filled the pieces: tells who follows the pages that they changed. Under the machine lock.</summary>
    public void MarkWritten()
    {
        foreach (Piece piece in _pieces) piece.Block?.MarkWritten(piece.Offset, piece.Length);
    }

    /// <summary>Bytes that stay where they are until this is disposed of.</summary>
    public readonly ref struct Held
    {
        private readonly Piece _piece;

        internal Held(Piece piece)
        {
            _piece = piece;
            Bytes = piece.Block is { } block ? block.Pin(piece.Offset, piece.Length) : piece.Buffer.Span;
        }

        public Span<byte> Bytes { get; }

        public void Dispose() => _piece.Block?.Unpin(_piece.Offset, _piece.Length);
    }

    internal readonly record struct Piece(RamBlock? Block, ulong Offset, Memory<byte> Buffer, int Length);
}

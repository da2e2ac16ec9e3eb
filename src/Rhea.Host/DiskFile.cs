using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Rhea.Core.Memory;

namespace Rhea.Host;

/// <summary>A file or block device that holds a disk: whole transfers at an offset, holes, and locks on byte ranges.</summary>
/// <remarks>
/// With direct access the page cache is bypassed by whatever is aligned for it; the rest goes through a second, cached
/// descriptor, which Linux keeps coherent with the first. All calls wait for the host; any thread may make them.
/// UNSAFE: passes addresses of pieces to system calls. SAFETY: each piece is held and pinned during the call, which gets its exact length.
/// </remarks>
public sealed unsafe partial class DiskFile : IDisposable
{
    private const int WriteAccess = 2, Create = 0x40, Exclusive = 0x80, Direct = 0x4000, CloseOnExec = 0x80000;
    private const uint OwnerOnly = 0x180, ReadableByAll = 0x1A4;
    private const int SeekEnd = 2, KeepSize = 1, PunchHole = 2, ZeroRange = 0x10;
    private const int GetOpenFileLock = 36, SetOpenFileLock = 37;
    private const short ReadLock = 0, WriteLock = 1, NoLock = 2;
    private const uint BlockGetSize = 0x8008_1272, BlockDiscard = 0x1277, BlockZeroOut = 0x127F;
    private const int Sector = 512, NoWait = 8, MostPieces = 128;

    private readonly SafeFileHandle _file;
    private readonly SafeFileHandle? _direct;
    private readonly bool _isDevice;

    private DiskFile(SafeFileHandle file, SafeFileHandle? direct, bool isDevice) => (_file, _direct, _isDevice) = (file, direct, isDevice);

    /// <summary>In bytes, as it is now.</summary>
    public long Length => Checked(Seek(_file, 0, SeekEnd));

    /// <exception cref="HostException">The host refuses; with <paramref name="direct"/> also when the file system has no direct access.</exception>
    public static DiskFile Open(string path, bool writable, bool direct)
    {
        int flags = CloseOnExec | (writable ? WriteAccess : 0);
        SafeFileHandle file = Handle(Open(path, flags, 0));
        try
        {
            ulong size;
            bool isDevice = IoControl(file, BlockGetSize, &size) == 0;
            return new DiskFile(file, direct ? Handle(Open(path, flags | Direct, 0)) : null, isDevice);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>An empty file without a name, gone when it is closed.</summary>
    public static DiskFile OpenTemporary(string directory)
    {
        string path = Path.Combine(directory, $"rhea-{Guid.NewGuid():N}");
        SafeFileHandle file = Handle(Open(path, CloseOnExec | WriteAccess | Create | Exclusive, OwnerOnly));
        File.Delete(path);
        return new DiskFile(file, null, isDevice: false);
    }

    /// <summary>Makes a file of that length, all zeros, that was not there before.</summary>
    public static void CreateNew(string path, long length)
    {
        using SafeFileHandle file = Handle(Open(path, CloseOnExec | WriteAccess | Create | Exclusive, ReadableByAll));
        Checked(Truncate(file, length));
    }

    /// <summary>Past the end a disk reads as zeros.</summary>
    public void Read(long offset, ScatterList into)
    {
        for (ScatterList rest = into; ;)
        {
            nint done = Transfer(Way.Read, offset, rest);
            if (done == rest.Length) return;
            if (done == 0)
            {
                Clear(rest);
                return;
            }

            offset += done;
            rest = rest.Slice(done, rest.Length - done);
        }
    }

    /// <summary>Reads what the host has in its page cache. False when that is not all, or it would have to wait: then what was read means nothing.</summary>
    public bool TryReadAtOnce(long offset, ScatterList into) =>
        _direct is null && into.Count <= MostPieces && Transfer(Way.ReadAtOnce, offset, into) == into.Length;

    public void Write(long offset, ScatterList from)
    {
        for (ScatterList rest = from; ;)
        {
            nint done = Transfer(Way.Write, offset, rest);
            if (done == rest.Length) return;
            if (done == 0) throw new HostException(HostException.NoSpace);
            offset += done;
            rest = rest.Slice(done, rest.Length - done);
        }
    }

    public void Flush() => Checked(DataSync(_file));

    /// <summary>Gives the space back to the host; the range may read as anything the file system likes, usually zeros.</summary>
    public void Discard(long offset, long length)
    {
        if (_isDevice) BlockRange(BlockDiscard, offset, length);
        else Checked(Allocate(_file, PunchHole | KeepSize, offset, length));
    }

    /// <summary>Makes a range zeros without writing them. False where the host cannot.</summary>
    public bool TryWriteZeroes(long offset, long length, bool mayUnmap)
    {
        if (_isDevice)
        {
            long* range = stackalloc long[] { offset, length };
            return IoControl(_file, BlockZeroOut, range) == 0;
        }

        return (mayUnmap && Allocate(_file, PunchHole | KeepSize, offset, length) == 0)
            || Allocate(_file, ZeroRange | KeepSize, offset, length) == 0;
    }

    /// <summary>Takes a shared lock on one byte, for as long as the file is open. It belongs to this opening, not to the process.</summary>
    public void LockByte(long at)
    {
        var range = new LockRange { Type = ReadLock, Start = at, Length = 1 };
        Checked(Control(_file, SetOpenFileLock, &range));
    }

    /// <summary>Gives a lock on one byte up.</summary>
    public void UnlockByte(long at)
    {
        var range = new LockRange { Type = NoLock, Start = at, Length = 1 };
        Checked(Control(_file, SetOpenFileLock, &range));
    }

    /// <summary>Whether another opening of the file, here or elsewhere, has locked a byte.</summary>
    public bool IsByteLockedByAnother(long at)
    {
        var range = new LockRange { Type = WriteLock, Start = at, Length = 1 };
        Checked(Control(_file, GetOpenFileLock, &range));
        return range.Type != NoLock;
    }

    public void Dispose()
    {
        _direct?.Dispose();
        _file.Dispose();
    }

    /// <summary>One call for as many pieces as one takes; the bytes that it has moved.</summary>
    private nint Transfer(Way way, long offset, ScatterList pieces)
    {
        IoVector* vectors = stackalloc IoVector[MostPieces];
        return HoldAndCall(way, offset, pieces, vectors, 0);
    }

    /// <summary>Each piece is held by a turn of its own, and the last turn makes the call.</summary>
    private nint HoldAndCall(Way way, long offset, ScatterList pieces, IoVector* vectors, int held)
    {
        if (held == Math.Min(pieces.Count, MostPieces)) return Call(way, offset, vectors, held);
        using ScatterList.Held piece = pieces.Hold(held);
        fixed (byte* bytes = piece.Bytes)
        {
            vectors[held] = new IoVector { Start = bytes, Length = (nuint)piece.Bytes.Length };
            return HoldAndCall(way, offset, pieces, vectors, held + 1);
        }
    }

    private nint Call(Way way, long offset, IoVector* vectors, int count)
    {
        if (way == Way.ReadAtOnce) return PReadV2(_file, vectors, count, offset, NoWait);
        nint done = _direct is not null && IsAligned(offset, vectors, count) ? Transfer(_direct) : -1;
        return done >= 0 ? done : Checked(Transfer(_file));

        nint Transfer(SafeFileHandle file) => way == Way.Read ? PReadV(file, vectors, count, offset) : PWriteV(file, vectors, count, offset);
    }

    private static bool IsAligned(long offset, IoVector* vectors, int count)
    {
        var all = (ulong)offset;
        for (var i = 0; i < count; i++) all |= (nuint)vectors[i].Start | vectors[i].Length;
        return (all & (Sector - 1)) == 0;
    }

    private static void Clear(ScatterList pieces)
    {
        for (var i = 0; i < pieces.Count; i++)
        {
            using ScatterList.Held piece = pieces.Hold(i);
            piece.Bytes.Clear();
        }
    }

    private void BlockRange(uint request, long offset, long length)
    {
        long* range = stackalloc long[] { offset, length };
        Checked(IoControl(_file, request, range));
    }

    private static SafeFileHandle Handle(nint descriptor) => new(Checked(descriptor), ownsHandle: true);

    private static nint Checked(nint result) => result >= 0 ? result : throw HostException.Last();

    [LibraryImport("libc", EntryPoint = "open64", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    private static partial nint Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "ftruncate64", SetLastError = true)]
    private static partial int Truncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "preadv64", SetLastError = true)]
    private static partial nint PReadV(SafeFileHandle file, IoVector* into, int count, long offset);

    [LibraryImport("libc", EntryPoint = "preadv64v2", SetLastError = true)]
    private static partial nint PReadV2(SafeFileHandle file, IoVector* into, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "pwritev64", SetLastError = true)]
    private static partial nint PWriteV(SafeFileHandle file, IoVector* from, int count, long offset);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate64", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fcntl64", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, int command, LockRange* range);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoControl(SafeFileHandle file, nuint request, void* argument);

    private enum Way
    {
        Read,
        ReadAtOnce,
        Write,
    }

    private struct IoVector
    {
        public byte* Start;
        public nuint Length;
    }

    private struct LockRange
    {
        public short Type, Whence;
        public long Start, Length;
        public int Process;
    }
}

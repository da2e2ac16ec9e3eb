using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Rhea.Host;

/// <summary>A descriptor as a stream whose blocked reader can be told to give up: standard input, a FIFO, a terminal.</summary>
/// <remarks>UNSAFE: passes addresses of locals and of a caller's span to system calls. SAFETY: each lives, and is long enough, through the call.</remarks>
public sealed unsafe partial class DescriptorStream : Stream
{
    private const int NonBlocking = 0x800, CloseOnExec = 0x80000, ReadWrite = 2;
    private const short PollIn = 1;
    private const int Interrupted = 4, TryAgain = 11;

    private readonly SafeFileHandle _handle;
    private readonly SafeFileHandle _wake = new(EventFd(0, NonBlocking | CloseOnExec), ownsHandle: true);
    private volatile bool _closed;

    private DescriptorStream(SafeFileHandle handle) => _handle = handle;

    /// <summary>0 is standard input, 1 standard output; they stay open when this is disposed of.</summary>
    public static DescriptorStream Standard(int number) => new(new SafeFileHandle(number, ownsHandle: false));

    /// <summary>For reading and writing, so that a FIFO does not wait for its other end.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static DescriptorStream Open(string path)
    {
        int number = OpenFile(path, ReadWrite | CloseOnExec);
        return number >= 0 ? new(new SafeFileHandle(number, ownsHandle: true)) : throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <returns>0 at the end, and after <see cref="Stream.Dispose()"/>.</returns>
    public override int Read(Span<byte> buffer)
    {
        PollFd* fds = stackalloc PollFd[2];
        while (!_closed)
        {
            fds[0] = new PollFd { Fd = (int)_handle.DangerousGetHandle(), Events = PollIn, Returned = 0 };
            fds[1] = new PollFd { Fd = (int)_wake.DangerousGetHandle(), Events = PollIn, Returned = 0 };
            if (Poll(fds, 2, -1) < 0 && Marshal.GetLastPInvokeError() == Interrupted) continue;
            if (_closed || fds[0].Returned == 0) continue;
            fixed (byte* into = buffer)
            {
                nint count = ReadFile(_handle, into, (nuint)buffer.Length);
                if (count >= 0) return (int)count;
            }

            if (Marshal.GetLastPInvokeError() is not (Interrupted or TryAgain)) return 0;
        }

        return 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <exception cref="IOException">Nobody reads the other end, or the disk is full.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint count;
            fixed (byte* from = buffer) count = WriteFile(_handle, from, (nuint)buffer.Length);
            if (count >= 0) buffer = buffer[(int)count..];
            else if (Marshal.GetLastPInvokeError() == TryAgain) Thread.Yield(); // somebody else made the terminal non-blocking
            else if (Marshal.GetLastPInvokeError() != Interrupted) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (_closed) return;
        _closed = true;
        ulong one = 1;
        _ = WriteFile(_wake, (byte*)&one, sizeof(ulong));
        _handle.Dispose(); // a reader that is still inside holds a reference through its call
        base.Dispose(disposing);
    }

    [LibraryImport("libc", EntryPoint = "eventfd")]
    private static partial nint EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollFd* fds, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFile(SafeFileHandle file, byte* into, nuint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteFile(SafeFileHandle file, byte* from, nuint length);

    private struct PollFd
    {
        public int Fd;
        public short Events, Returned;
    }
}

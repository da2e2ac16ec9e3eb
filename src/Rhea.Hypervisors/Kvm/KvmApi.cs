using System.Runtime.InteropServices;
using Rhea.Host;

namespace Rhea.Hypervisors.Kvm;

/// <summary>A file of KVM's: /dev/kvm itself, a machine, or a processor. Its calls take numbers or structures.</summary>
/// <remarks>
/// UNSAFE: passes addresses to the kernel, and shows the page that it shares with a processor. SAFETY: a structure is pinned for its call,
/// its size is the one that the call's number encodes (or the larger one of its array), and the page is unmapped after its last use.
/// </remarks>
internal sealed unsafe partial class KvmFile : IDisposable
{
    public const int Interrupted = -4, TryAgain = -11, NoDevice = -19, NoSuchFile = -2, PermissionDenied = -13, TooBig = -7;

    private const int ReadWrite = 2, CloseOnExec = 0x80000;

    private readonly int _file;

    private KvmFile(int file) => _file = file;

    /// <summary>Null, and the error, when it cannot be opened.</summary>
    public static KvmFile? Open(string path, out int error)
    {
        int file = OpenFile(path, ReadWrite | CloseOnExec);
        error = file < 0 ? -Marshal.GetLastPInvokeError() : 0;
        return file < 0 ? null : new KvmFile(file);
    }

    /// <summary>The file that a call makes: a machine, a processor.</summary>
    /// <exception cref="HostException">The kernel refuses.</exception>
    public KvmFile Create(KvmCall call, long argument) => new(Call(call, argument));

    /// <summary>What the call returns, which is negative for an error: its number.</summary>
    public int Try(KvmCall call, long argument = 0)
    {
        int result = Control(_file, (nuint)call, (nint)argument);
        return result >= 0 ? result : -Marshal.GetLastPInvokeError();
    }

    public int Try<T>(KvmCall call, ref T argument) where T : unmanaged
    {
        fixed (T* address = &argument) return Try(call, (nint)address);
    }

    /// <exception cref="HostException">The kernel refuses.</exception>
    public int Call(KvmCall call, long argument = 0)
    {
        int result = Try(call, argument);
        return result >= 0 ? result : throw new HostException(-result);
    }

    /// <exception cref="HostException">The kernel refuses.</exception>
    public int Call<T>(KvmCall call, ref T argument) where T : unmanaged
    {
        fixed (T* address = &argument) return Call(call, (nint)address);
    }

    /// <summary>Fetches what the kernel logged as written in a slot: a bit a page, lowest first.</summary>
    public bool TryGetDirtyLog(uint slot, Span<ulong> bitmap)
    {
        fixed (ulong* address = bitmap)
        {
            var log = new KvmDirtyLog { Slot = slot, Bitmap = (ulong)address };
            return Try(KvmCall.GetDirtyLog, ref log) >= 0;
        }
    }

    /// <summary>The page that a processor and the kernel share.</summary>
    public KvmRunPage MapRunPage(int length) => new(_file, length);

    public void Dispose() => _ = Close(_file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int file, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}

/// <summary>The page in which a processor's exits are described, and the data of its port accesses behind it.</summary>
/// <remarks>UNSAFE: shows memory shared with the kernel. SAFETY: offsets that the kernel gives are checked against the mapping.</remarks>
internal sealed unsafe partial class KvmRunPage : IDisposable
{
    private const int ReadWrite = 3, Shared = 1, PageSize = 4096;

    private readonly byte* _page;
    private readonly int _length;

    /// <exception cref="HostException">The kernel refuses.</exception>
    public KvmRunPage(int file, int length)
    {
        _length = length;
        nint address = Map(0, (nuint)length, ReadWrite, Shared, file, 0);
        if (address == -1) throw new HostException(Marshal.GetLastPInvokeError());
        _page = (byte*)address;
    }

    public ref KvmRun Run => ref *(KvmRun*)_page;

    /// <param name="page">Which of the shared pages it is: <see cref="KvmCapability.CoalescedMmio"/>.</param>
    public ref KvmCoalescedRing CoalescedRing(int page)
    {
        if (page < 1 || (page + 1) * PageSize > _length) throw new InvalidOperationException("KVM's ring lies outside the shared pages");
        return ref *(KvmCoalescedRing*)(_page + (page * PageSize));
    }

    public Span<byte> Data(ulong offset, int length)
    {
        if (offset > (ulong)_length || (ulong)length > (ulong)_length - offset) throw new InvalidOperationException("KVM's data lie outside the shared page");
        return new Span<byte>(_page + offset, length);
    }

    public void Dispose() => _ = Unmap((nint)_page, (nuint)_length);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint at, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint at, nuint length);
}

/// <summary>The signal that brings a processor's thread out of the guest. It is blocked everywhere but inside KVM_RUN, so it runs no handler and is never lost.</summary>
/// <remarks>UNSAFE: passes signal sets on the stack. SAFETY: they live through the call.</remarks>
internal static unsafe partial class KickSignal
{
    public const ulong Mask = 1UL << (Number - 1);

    private const int Number = 10, Block = 0; // SIGUSR1, SIG_BLOCK

    /// <summary>Blocks it in this thread; what else is blocked there.</summary>
    public static ulong BlockHere()
    {
        SignalSet set = default, before = default;
        set[0] = Mask;
        _ = ThreadMask(Block, &set, &before);
        return before[0] & ~Mask;
    }

    public static nint ThisThread => Self();

    public static void Send(nint thread) => _ = Kill(thread, Number);

    /// <summary>Takes one that is waiting for this thread, if there is one.</summary>
    public static void Take()
    {
        SignalSet set = default;
        set[0] = Mask;
        TimeSpec none = default;
        _ = TimedWait(&set, null, &none);
    }

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int ThreadMask(int how, SignalSet* set, SignalSet* before);

    [LibraryImport("libc", EntryPoint = "pthread_self")]
    private static partial nint Self();

    [LibraryImport("libc", EntryPoint = "pthread_kill")]
    private static partial int Kill(nint thread, int signal);

    [LibraryImport("libc", EntryPoint = "sigtimedwait")]
    private static partial int TimedWait(SignalSet* set, void* info, TimeSpec* timeout);

    [System.Runtime.CompilerServices.InlineArray(16)]
    private struct SignalSet
    {
        private ulong _word;
    }

    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }
}

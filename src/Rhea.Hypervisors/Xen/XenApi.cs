using System.Runtime.InteropServices;
using Rhea.Host;

namespace Rhea.Hypervisors.Xen;

/// <summary>A file below /dev/xen: privcmd, hypercall or evtchn.</summary>
/// <remarks>UNSAFE: passes addresses of structures to the kernel. SAFETY: they are pinned for the call, and as large as the call's number says.</remarks>
internal sealed unsafe partial class XenFile : IDisposable
{
    public const int NoSuchFile = -2, NoSuchDevice = -6, PermissionDenied = -13, NoDevice = -19, NotPermitted = -1;

    private const int ReadWrite = 2, CloseOnExec = 0x80000, Interrupted = 4;

    private XenFile(int descriptor) => Descriptor = descriptor;

    public int Descriptor { get; }

    /// <summary>Null, and the error, when it cannot be opened.</summary>
    public static XenFile? Open(string path, out int error)
    {
        int file = OpenFile(path, ReadWrite | CloseOnExec);
        error = file < 0 ? -Marshal.GetLastPInvokeError() : 0;
        return file < 0 ? null : new XenFile(file);
    }

    /// <summary>What the call returns, which is negative for an error: its number.</summary>
    public int Try<T>(XenIoctl call, ref T argument) where T : unmanaged
    {
        fixed (T* address = &argument)
        {
            int result = Control(Descriptor, (nuint)call, address);
            return result >= 0 ? result : -Marshal.GetLastPInvokeError();
        }
    }

    /// <exception cref="HostException">The kernel refuses.</exception>
    public int Call<T>(XenIoctl call, ref T argument) where T : unmanaged
    {
        int result = Try(call, ref argument);
        return result >= 0 ? result : throw new HostException(-result);
    }

    /// <summary>Waits for event channels; how many of them have something.</summary>
    public int ReadPorts(Span<uint> ports)
    {
        fixed (uint* into = ports)
        {
            while (true)
            {
                nint length = Read(Descriptor, into, ports.Length * sizeof(uint));
                if (length >= 0) return (int)length / sizeof(uint);
                if (Marshal.GetLastPInvokeError() != Interrupted) throw new HostException(Marshal.GetLastPInvokeError());
            }
        }
    }

    /// <summary>Event channels that may tell of something again.</summary>
    public void Unmask(ReadOnlySpan<uint> ports)
    {
        fixed (uint* from = ports)
            if (Write(Descriptor, from, ports.Length * sizeof(uint)) < 0) throw new HostException(Marshal.GetLastPInvokeError());
    }

    /// <summary>An operation of a device model: a structure, and perhaps a buffer. Ordinary memory does.</summary>
    /// <returns>What Xen says; negative for an error.</returns>
    public int DeviceModel<T>(ushort domain, ref T operation, Span<byte> buffer = default) where T : unmanaged
    {
        fixed (T* address = &operation)
        fixed (byte* extra = buffer)
        {
            ulong* buffers = stackalloc ulong[] { (ulong)address, (ulong)sizeof(T), (ulong)extra, (ulong)buffer.Length };
            var request = new PrivcmdDmOp { Domain = domain, Count = (ushort)(buffer.IsEmpty ? 1 : 2), Buffers = (ulong)buffers };
            return Try(XenIoctl.DmOp, ref request);
        }
    }

    /// <summary>Maps a domain's frames at an address; of each it says whether that worked.</summary>
    public void MapFrames(ushort domain, nint at, ReadOnlySpan<ulong> frames, Span<int> errors)
    {
        HostMemory.MapFixed(at, (nuint)frames.Length << 12, Descriptor);
        fixed (ulong* list = frames)
        fixed (int* results = errors)
        {
            var request = new PrivcmdMapBatch { Count = (uint)frames.Length, Domain = domain, Address = (ulong)at, Frames = (ulong)list, Errors = (ulong)results };
            const int SomeAreAbsent = -2;
            int result = Try(XenIoctl.MapBatch, ref request);
            if (result is < 0 and not SomeAreAbsent) throw new HostException(-result);
        }
    }

    /// <summary>Maps pages that Xen shares with a device model: of an ioreq server, the buffered ring and the slots.</summary>
    public SharedPages MapIoreqPages(ushort domain, ushort server, int count)
    {
        nint at = HostMemory.MapShared((nuint)count << 12, Descriptor);
        var request = new PrivcmdMapResource { Domain = domain, Id = server, Count = (ulong)count, Address = (ulong)at };
        int result = Try(XenIoctl.MapResource, ref request);
        if (result >= 0) return new SharedPages(at, count << 12);
        HostMemory.Unmap(at, (nuint)count << 12);
        throw new HostException(-result);
    }

    public void Dispose() => _ = Close(Descriptor);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int file, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, void* into, nint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, void* from, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}

/// <summary>Hypercalls through privcmd. Their arguments lie in memory that the hypervisor may always reach.</summary>
/// <remarks>
/// UNSAFE: copies arguments to and from that memory, and puts its addresses into them. SAFETY: it is grown to what a call needs first;
/// one call at a time.
/// </remarks>
internal sealed unsafe class Hypercalls : IHypercalls
{
    private const int PageSize = 4096, Alignment = 64, EntrySize = 64;

    private readonly XenFile _privcmd, _memory;
    private readonly Lock _gate = new();
    private byte* _arena;
    private int _length;

    private Hypercalls(XenFile privcmd, XenFile memory) => (_privcmd, _memory) = (privcmd, memory);

    /// <summary>Null, and the error, when it cannot be opened.</summary>
    public static Hypercalls? Open(out int error)
    {
        if (XenFile.Open("/dev/xen/privcmd", out error) is not { } privcmd) return null;
        if (XenFile.Open("/dev/xen/hypercall", out error) is { } memory) return new Hypercalls(privcmd, memory);
        privcmd.Dispose();
        return null;
    }

    public long Call(Hypercall number, int command, Span<byte> structure, Span<byte> buffer = default, int pointer = 0)
    {
        lock (_gate)
        {
            int bufferAt = Aligned(structure.Length);
            Demand(bufferAt + buffer.Length);
            structure.CopyTo(new Span<byte>(_arena, structure.Length));
            if (!buffer.IsEmpty)
            {
                buffer.CopyTo(new Span<byte>(_arena + bufferAt, buffer.Length));
                *(ulong*)(_arena + pointer) = (ulong)(_arena + bufferAt);
            }

            PrivcmdHypercall call = command < 0 ? new() { Number = (ulong)number, First = (ulong)_arena }
                : new() { Number = (ulong)number, First = (ulong)command, Second = (ulong)_arena };
            long result = _privcmd.Try(XenIoctl.Hypercall, ref call);
            new Span<byte>(_arena, structure.Length).CopyTo(structure);
            if (!buffer.IsEmpty) new Span<byte>(_arena + bufferAt, buffer.Length).CopyTo(buffer);
            return result;
        }
    }

    public long Call(Hypercall number, ulong first, ulong second)
    {
        var call = new PrivcmdHypercall { Number = (ulong)number, First = first, Second = second };
        return _privcmd.Try(XenIoctl.Hypercall, ref call);
    }

    public long CallAll(IReadOnlyList<(Hypercall Number, int Command, byte[] Structure)> calls)
    {
        lock (_gate)
        {
            int at = calls.Count * EntrySize;
            Demand(at + calls.Sum(call => Aligned(call.Structure.Length)));
            var entries = (ulong*)_arena;
            new Span<byte>(_arena, at).Clear();
            for (var i = 0; i < calls.Count; i++, entries += EntrySize / sizeof(ulong))
            {
                (Hypercall number, int command, byte[] structure) = calls[i];
                structure.CopyTo(new Span<byte>(_arena + at, structure.Length));
                entries[0] = (ulong)number;
                if (command >= 0) (entries[2], entries[3]) = ((ulong)command, (ulong)(_arena + at));
                else entries[2] = (ulong)(_arena + at);
                at += Aligned(structure.Length);
            }

            var call = new PrivcmdHypercall { Number = (ulong)Hypercall.Multicall, First = (ulong)_arena, Second = (ulong)calls.Count };
            long result = _privcmd.Try(XenIoctl.Hypercall, ref call);
            entries = (ulong*)_arena;
            for (var i = 0; i < calls.Count && result >= 0; i++) result = (long)entries[(i * EntrySize / sizeof(ulong)) + 1];
            return Math.Min(result, 0);
        }
    }

    public void Dispose()
    {
        if (_arena is not null) HostMemory.Unmap((nint)_arena, (nuint)_length);
        _memory.Dispose();
        _privcmd.Dispose();
    }

    private void Demand(int length)
    {
        if (length <= _length) return;
        if (_arena is not null) HostMemory.Unmap((nint)_arena, (nuint)_length);
        _arena = null; // until there is a new one
        _length = 0;
        int pages = Math.Max(16, (length + PageSize - 1) / PageSize);
        _arena = (byte*)HostMemory.MapShared((nuint)pages * PageSize, _memory.Descriptor);
        _length = pages * PageSize;
    }

    private static int Aligned(int length) => (length + Alignment - 1) & -Alignment;
}

/// <summary>Pages shared with Xen, in which the guest's accesses arrive: hostile ground, read with care and once.</summary>
/// <remarks>UNSAFE: shows mapped memory. SAFETY: each access is checked against the mapping.</remarks>
internal sealed unsafe class SharedPages(nint at, int length) : IDisposable
{
    public ref T At<T>(int offset) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, length - sizeof(T));
        return ref *(T*)(at + (nint)offset);
    }

    public void Dispose() => HostMemory.Unmap(at, (nuint)length);
}

/// <summary>The host's address space: reserved ranges, and what is laid over parts of them.</summary>
/// <remarks>UNSAFE: maps and unmaps memory. SAFETY: only in ranges that the caller has reserved here.</remarks>
internal static unsafe partial class HostMemory
{
    private const int None = 0, ReadWriteProtection = 3, Shared = 1, Private = 2, Fixed = 0x10, Anonymous = 0x20, NoReserve = 0x4000;

    /// <summary>Addresses that must not be touched before something is mapped there; -1 when the host has none.</summary>
    public static nint Reserve(nuint length) => Map(0, length, None, Private | Anonymous | NoReserve, -1, 0);

    /// <summary>Makes a part of a reserved range untouchable again.</summary>
    public static void Reserve(nint at, nuint length) => Check(Map(at, length, None, Private | Anonymous | NoReserve | Fixed, -1, 0));

    /// <exception cref="HostException">The kernel refuses.</exception>
    public static nint MapShared(nuint length, int file, long offset = 0) => Check(Map(0, length, ReadWriteProtection, Shared, file, offset));

    /// <exception cref="HostException">The kernel refuses.</exception>
    public static void MapFixed(nint at, nuint length, int file, long offset = 0) => Check(Map(at, length, ReadWriteProtection, Shared | Fixed, file, offset));

    /// <summary>A page of the host's own in place of one that is absent: it reads as ones, as nothing does, and what is written does not reach the guest.</summary>
    public static void MapAbsent(nint at, nuint length)
    {
        Check(Map(at, length, ReadWriteProtection, Private | Anonymous | NoReserve | Fixed, -1, 0));
        new Span<byte>((void*)at, (int)length).Fill(0xFF);
    }

    public static void Unmap(nint at, nuint length) => _ = UnmapRange(at, length);

    public static Span<byte> Bytes(nint at, int length) => new((void*)at, length);

    private static nint Check(nint at) => at != -1 ? at : throw new HostException(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint at, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int UnmapRange(nint at, nuint length);
}

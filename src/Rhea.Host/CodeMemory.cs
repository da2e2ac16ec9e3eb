using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>Memory for machine code that is made at run time, seen twice: where it is written it cannot run, where it runs it cannot be written.</summary>
/// <remarks>UNSAFE: maps memory whose addresses others keep. SAFETY: it is unmapped once, by the owner of the code, when nothing runs there.</remarks>
public sealed partial class CodeMemory : IDisposable
{
    private const int Read = 1, Write = 2, Execute = 4, Shared = 1, CloseOnExec = 1;

    private readonly nuint _length;

    /// <exception cref="HostException">The host does not give such memory.</exception>
    public CodeMemory(int length)
    {
        _length = (nuint)length;
        int file = MemoryFile("rhea-code", CloseOnExec);
        if (file < 0 || Truncate(file, length) != 0) throw new HostException(Marshal.GetLastPInvokeError());
        WriteAddress = Map(file, Read | Write);
        RunAddress = Map(file, Read | Execute);
        _ = Close(file);
    }

    /// <summary>Where the memory is written.</summary>
    public nint WriteAddress { get; }

    /// <summary>Where the same memory runs.</summary>
    public nint RunAddress { get; }

    public int Length => (int)_length;

    public void Dispose()
    {
        _ = MemoryUnmap(WriteAddress, _length);
        _ = MemoryUnmap(RunAddress, _length);
    }

    private nint Map(int file, int protection)
    {
        nint address = MemoryMap(0, _length, protection, Shared, file, 0);
        return address != -1 ? address : throw new HostException(Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Truncate(int file, long length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MemoryMap(nint at, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(nint at, nuint length);
}

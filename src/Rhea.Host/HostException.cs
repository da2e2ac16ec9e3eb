using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>A system call failed: its errno, and the C library's words for it ("No such file or directory").</summary>
/// <remarks>UNSAFE: asks the marshaller for errno. SAFETY: no memory is touched.</remarks>
public sealed class HostException(int error) : Exception(Marshal.GetPInvokeErrorMessage(error))
{
    public const int PermissionDenied = 13, Busy = 16, InvalidArgument = 22, NoSpace = 28, ReadOnlyFileSystem = 30, OverQuota = 122;

    public int Error => error;

    internal static HostException Last() => new(Marshal.GetLastPInvokeError());
}

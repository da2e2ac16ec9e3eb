using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>The kernel's random numbers. .NET's come from OpenSSL, which a small host has not.</summary>
/// <remarks>UNSAFE: passes the address of a local to a system call. SAFETY: it is on the stack and lives through the call.</remarks>
public static partial class HostEntropy
{
    /// <exception cref="HostException">The kernel has none.</exception>
    public static ulong Next() => GetRandom(out ulong value, sizeof(ulong), 0) == sizeof(ulong) ? value : throw HostException.Last();

    [LibraryImport("libc", EntryPoint = "getrandom", SetLastError = true)]
    private static partial nint GetRandom(out ulong value, nuint length, uint flags);
}

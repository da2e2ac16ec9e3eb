using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>Sixteen bytes of memory compared and exchanged at once, which .NET has no call for.</summary>
/// <remarks>
/// UNSAFE: runs machine code made here, on an address it is given. SAFETY: the code is constant and never freed; the caller vouches for
/// the sixteen bytes. On hosts that are not x86-64 a lock stands in, which keeps such exchanges from each other, but not from plain stores.
/// </remarks>
public static unsafe class HostExchange
{
    /// <summary>A function (place, expected, replacement), System V AMD64 ABI: push rbx, loads, LOCK CMPXCHG16B [rdi], the zero flag to EAX, pop rbx, ret.</summary>
    private static ReadOnlySpan<byte> Code =>
    [
        0x53, 0x49, 0x89, 0xD0, 0x48, 0x8B, 0x06, 0x48, 0x8B, 0x56, 0x08, 0x49, 0x8B, 0x18, 0x49, 0x8B, 0x48, 0x08,
        0xF0, 0x48, 0x0F, 0xC7, 0x0F, 0x0F, 0x94, 0xC0, 0x0F, 0xB6, 0xC0, 0x5B, 0xC3,
    ];

    private static readonly Lock Standing = new();
    private static readonly nint Exchange = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? Make() : 0;

    /// <summary>Stores the replacement if the place, which is aligned to its size, holds what is expected.</summary>
    public static bool TryStore(UInt128* place, UInt128 expected, UInt128 replacement)
    {
        if (Exchange != 0) return ((delegate* unmanaged[SuppressGCTransition]<UInt128*, UInt128*, UInt128*, int>)Exchange)(place, &expected, &replacement) != 0;
        lock (Standing)
        {
            if (*place != expected) return false;
            *place = replacement;
            return true;
        }
    }

    private static nint Make()
    {
        var memory = new CodeMemory(Code.Length);
        Code.CopyTo(new Span<byte>((void*)memory.WriteAddress, memory.Length));
        return memory.RunAddress;
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>A user of the host's, whom a process of root's can become for good (<c>-runas</c>).</summary>
/// <remarks>UNSAFE: reads two fields of what getpwnam points to. SAFETY: they are in its first 24 bytes (pwd.h, x86-64), and nobody else asks meanwhile: it is done once, at the start.</remarks>
public sealed partial class HostUser
{
    private const int UserField = 16, GroupField = 20;

    private readonly string? _name; // null when it was given by numbers
    private readonly uint _user, _group;

    private HostUser(string? name, uint user, uint group) => (_name, _user, _group) = (name, user, group);

    /// <param name="text">A name, or numbers: UID:GID.</param>
    /// <returns>Null when there is no such user.</returns>
    public static HostUser? Find(string text)
    {
        if (text.Split(':') is [var user, var group]
            && uint.TryParse(user, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid)
            && uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out uint gid)) return new HostUser(null, uid, gid);
        nint entry = GetUser(text);
        return entry == 0 ? null : new HostUser(text, (uint)Marshal.ReadInt32(entry, UserField), (uint)Marshal.ReadInt32(entry, GroupField));
    }

    /// <summary>All threads of the process are this user's from now on, with that user's groups alone.</summary>
    /// <exception cref="HostException">The process may not do that.</exception>
    public void Become()
    {
        Check(_name is null ? SetGroups(0, 0) : InitGroups(_name, _group));
        Check(SetGroup(_group));
        Check(SetUser(_user));
    }

    private static void Check(int result)
    {
        if (result != 0) throw HostException.Last();
    }

    [LibraryImport("libc", EntryPoint = "getpwnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetUser(string name);

    [LibraryImport("libc", EntryPoint = "initgroups", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int InitGroups(string name, uint group);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nuint count, nint list);

    [LibraryImport("libc", EntryPoint = "setgid", SetLastError = true)]
    private static partial int SetGroup(uint group);

    [LibraryImport("libc", EntryPoint = "setuid", SetLastError = true)]
    private static partial int SetUser(uint user);
}

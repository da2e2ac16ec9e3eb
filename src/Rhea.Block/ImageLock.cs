using Rhea.Core;
using Rhea.Host;

namespace Rhea.Block;

/// <summary>Keeps two programs from writing to one image: QEMU's own locks, so that QEMU and Rhea refuse each other's images too.</summary>
/// <remarks>
/// A byte of the file stands for each permission: 100 + n is locked by whoever uses it, 200 + n by whoever does not share it.
/// The locks belong to the opening (OFD), never to the process, and end with it.
/// </remarks>
internal static class ImageLock
{
    private const long UsedBase = 100, UnsharedBase = 200;
    private const int ConsistentRead = 0, Write = 1, Resize = 3, Permissions = 4;
    private static readonly (int Permission, string Name)[] Names = [(ConsistentRead, "consistent read"), (Write, "write"), (Resize, "resize")];

    /// <exception cref="ConfigException">Somebody else uses the image in a way that does not go with ours.</exception>
    public static void Take(DiskFile file, string path, bool writable)
    {
        int[] used = writable ? [ConsistentRead, Write] : [ConsistentRead];
        int[] unshared = writable ? [Write] : [Write, Resize];
        foreach (int permission in used) file.LockByte(UsedBase + permission);
        foreach (int permission in unshared) file.LockByte(UnsharedBase + permission);

        foreach ((int permission, string name) in Names)
        {
            if (used.Contains(permission) && file.IsByteLockedByAnother(UnsharedBase + permission)) throw Refused($"\"{name}\"", path);
            if (unshared.Contains(permission) && file.IsByteLockedByAnother(UsedBase + permission)) throw Refused($"shared \"{name}\"", path);
        }
    }

    /// <summary>Gives all up that <see cref="Take"/> has taken.</summary>
    public static void Release(DiskFile file)
    {
        for (var permission = 0; permission < Permissions; permission++)
        {
            file.UnlockByte(UsedBase + permission);
            file.UnlockByte(UnsharedBase + permission);
        }
    }

    private static ConfigException Refused(string what, string path)
    {
        string holder = LockHolder.Find(path) is { } process ? $" It is open in process {process}." : "";
        return new ConfigException($"Failed to get {what} lock\nIs another process using the image [{path}]?{holder}");
    }
}

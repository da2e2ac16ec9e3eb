using System.Globalization;

namespace Rhea.Block;

/// <summary>Finds who has an image open, for the message that says so. The kernel does not tell whose an OFD lock is.</summary>
internal static class LockHolder
{
    /// <summary>"1234 (qemu-system-x86)", or null when it is nobody whose open files we may see.</summary>
    public static string? Find(string path)
    {
        string real = Path.GetFullPath(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path);
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id == Environment.ProcessId) continue;
            if (HasOpen(process, real)) return $"{id} ({NameOf(process)})";
        }

        return null;
    }

    private static bool HasOpen(string process, string path)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd")).Any(fd => new FileInfo(fd).LinkTarget == path);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string NameOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).TrimEnd();
        }
        catch (IOException)
        {
            return "gone";
        }
    }
}

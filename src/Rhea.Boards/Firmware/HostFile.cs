using Rhea.Core;

namespace Rhea.Boards.Firmware;

/// <summary>A file the user named on the command line, read whole.</summary>
internal static class HostFile
{
    /// <exception cref="ConfigException">It cannot be read; the message starts with <paramref name="failed"/>.</exception>
    public static byte[] Read(string path, string failed)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ConfigException($"{failed}: {FileErrors.Reason(error)}", error);
        }
    }
}

using System.ComponentModel;

namespace Rhea.Core;

/// <summary>Why a file of the host cannot be used, in the C library's words: "No such file or directory".</summary>
public static class FileErrors
{
    private const int LastErrno = 133;

    /// <summary>What the user is told of a file that cannot be opened.</summary>
    public static ConfigException CouldNotOpen(string path, Exception error) => new($"Could not open '{path}': {Reason(error)}", error);

    /// <summary>Takes a file away at the end, if whoever the process is by then (<c>-runas</c>) may do that.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    public static string Reason(Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
        UnauthorizedAccessException => error.InnerException is IOException cause ? Reason(cause) : "Permission denied",
        IOException { HResult: > 0 and <= LastErrno } => new Win32Exception(error.HResult).Message, // there the runtime keeps errno
        _ => error.Message,
    };
}

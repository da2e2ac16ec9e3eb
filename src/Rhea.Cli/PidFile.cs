using Rhea.Core;

/// <summary>The number of this process in a file, as long as it runs (<c>-pidfile</c>).</summary>
internal sealed class PidFile : IDisposable
{
    private readonly string _path;

    /// <exception cref="ConfigException">The file cannot be written.</exception>
    public PidFile(string path)
    {
        _path = path;
        try
        {
            File.WriteAllText(path, $"{Environment.ProcessId}\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"cannot create PID file: Could not create '{path}': {FileErrors.Reason(error)}");
        }
    }

    public void Dispose() => FileErrors.TryDelete(_path);
}

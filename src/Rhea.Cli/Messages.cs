using System.Globalization;
using Rhea.Control.CommandLines;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Diagnostics;

/// <summary>What the program says: to its user on stderr, and the log to where <c>-D</c> wants it.</summary>
/// <remarks>A guest can provoke any number of log lines, so only so many a second are written.</remarks>
internal sealed class Messages(MachineConfig machine, ProcessConfig process) : IDisposable
{
    private const int LogLinesPerSecond = 1000;

    private readonly Lock _lock = new();
    private readonly StreamWriter? _log = machine.LogFile is { } path ? Open(path) : null;
    private long _second;
    private int _lines;

    public void Say(string text) => Console.Error.WriteLine($"{Prefix()}rhea: {text}");

    public void Log(LogLevel level, string text)
    {
        if (level == LogLevel.Warning)
        {
            Say(text);
            return;
        }

        using Lock.Scope held = _lock.EnterScope();
        if (level == LogLevel.Execution)
        {
            (_log ?? Console.Error).Write(text);
            return;
        }

        long second = TimeProvider.System.GetTimestamp() / TimeProvider.System.TimestampFrequency;
        if (second != _second) (_second, _lines) = (second, 0);
        if (++_lines <= LogLinesPerSecond) (_log ?? Console.Error).WriteLine(_lines < LogLinesPerSecond ? text : "log: too much in one second, the rest of it is left out");
    }

    public void Dispose() => _log?.Dispose();

    private static StreamWriter Open(string path)
    {
        try
        {
            return new StreamWriter(path) { AutoFlush = true };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"Error opening logfile {path}: {FileErrors.Reason(error)}");
        }
    }

    private string Prefix() => (process.Timestamps ? TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z '", CultureInfo.InvariantCulture) : "")
        + (process.GuestName && machine.Name is { } name ? $"{name} " : "");
}

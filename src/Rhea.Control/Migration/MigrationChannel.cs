using System.ComponentModel;
using System.Diagnostics;
using Rhea.Core;

namespace Rhea.Control.Migration;

/// <summary>Where a saved machine goes to or comes from: <c>exec:COMMAND</c> is a shell's command, <c>file:PATH</c> a file.</summary>
public sealed class MigrationChannel : IDisposable
{
    private const string Exec = "exec:", File = "file:";

    private readonly Process? _command;
    private readonly string _name;

    private MigrationChannel(string name, Stream stream, Process? command) => (_name, Stream, _command) = (name, stream, command);

    public Stream Stream { get; }

    /// <exception cref="ConfigException">The address is unknown, or cannot be opened.</exception>
    public static MigrationChannel ForWriting(string address) => Open(address, writes: true);

    /// <exception cref="ConfigException">The address is unknown, or cannot be opened.</exception>
    public static MigrationChannel ForReading(string address) => Open(address, writes: false);

    /// <summary>All is written or read: a command has to end well now.</summary>
    /// <exception cref="ConfigException">It did not.</exception>
    public void Complete()
    {
        Stream.Dispose();
        if (_command is null) return;
        _command.WaitForExit();
        if (_command.ExitCode != 0) throw new ConfigException($"{_name}: the command ended with status {_command.ExitCode}");
    }

    public void Dispose()
    {
        Stream.Dispose();
        _command?.Dispose();
    }

    private static MigrationChannel Open(string address, bool writes)
    {
        if (address.StartsWith(Exec, StringComparison.Ordinal)) return OpenCommand(address, address[Exec.Length..], writes);
        if (address.StartsWith(File, StringComparison.Ordinal)) return OpenFile(address, address[File.Length..], writes);
        throw new ConfigException($"unknown migration protocol: {address}");
    }

    private static MigrationChannel OpenCommand(string address, string command, bool writes)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardInput = writes, RedirectStandardOutput = !writes };
        try
        {
            Process process = Process.Start(start)!;
            return new MigrationChannel(address, writes ? process.StandardInput.BaseStream : process.StandardOutput.BaseStream, process);
        }
        catch (Win32Exception error)
        {
            throw new ConfigException($"{address}: {error.Message}", error);
        }
    }

    private static MigrationChannel OpenFile(string address, string path, bool writes)
    {
        try
        {
            return new MigrationChannel(address, writes ? System.IO.File.Create(path) : System.IO.File.OpenRead(path), null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.CouldNotOpen(path, error);
        }
    }
}

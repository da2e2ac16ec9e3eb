using Rhea.Core;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Control.Migration;

/// <summary>A machine in a file, in QEMU's stream format, with the options that build it again.</summary>
/// <remarks>Disks are not in it: they have to be as they were.</remarks>
public static class SavedFile
{
    private const string Unfinished = ".part";

    /// <summary>Writes the machine, which goes on afterwards. A file of that name is replaced once all is written.</summary>
    /// <exception cref="ConfigException">It cannot be written.</exception>
    public static void Save(Machine machine, string path)
    {
        try
        {
            using (FileStream file = File.Create(path + Unfinished))
                machine.WhilePaused(() =>
                {
                    machine.Save(file);
                    return true;
                });
            File.Move(path + Unfinished, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(path + Unfinished);
            throw new ConfigException($"Could not write '{path}': {FileErrors.Reason(error)}", error);
        }
    }

    /// <summary>Brings the machine back to what it was when the file was saved, and running if it ran.</summary>
    /// <exception cref="ConfigException">The file cannot be read, or is of another machine: this one has been reset and stands still then.</exception>
    public static void Load(Machine machine, string path)
    {
        using FileStream file = Open(path);
        machine.Stop(RunState.RestoreVm);
        try
        {
            machine.Receive(file, paused: false);
        }
        catch (Exception error) when (error is StateException or IOException)
        {
            machine.Reset();
            machine.Stop();
            throw new ConfigException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>The options that build the machine in the file.</summary>
    /// <exception cref="ConfigException">The file cannot be read, or does not say.</exception>
    public static SavedConfiguration ConfigurationOf(string path)
    {
        using FileStream file = Open(path);
        try
        {
            return SavedStream.ConfigurationOf(file) ?? throw new ConfigException(
                $"{path}: does not tell which machine it is of: give the options it was started with, and -incoming file:{path}");
        }
        catch (StateException error)
        {
            throw new ConfigException($"{path}: {error.Message}", error);
        }
    }

    /// <exception cref="ConfigException">It cannot be opened, or is no plain file.</exception>
    public static FileStream Open(string path)
    {
        try
        {
            FileStream file = File.OpenRead(path);
            if (file.CanSeek) return file;
            file.Dispose();
            throw new ConfigException($"Could not open '{path}': a plain file is needed");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.CouldNotOpen(path, error);
        }
    }
}

using System.Runtime.InteropServices;

namespace Rhea.Host;

/// <summary>The user's terminal in raw mode: every key goes through as it is. It is put back on disposal, on exit, and while suspended.</summary>
/// <remarks>UNSAFE: passes the address of a local to system calls. SAFETY: it has the size of glibc's termios, and lives through the call.</remarks>
public sealed unsafe partial class Terminal : IDisposable
{
    private const uint InputFlags = 0x0001 | 0x0002 | 0x0008 | 0x0020 | 0x0040 | 0x0080 | 0x0100 | 0x0400; // IGNBRK … ICRNL, IXON
    private const uint LocalFlags = 0x0002 | 0x0008 | 0x0040 | 0x8000;                                     // ICANON, ECHO, ECHONL, IEXTEN
    private const uint Signals = 0x0001;                                                                  // ISIG
    private const int Now = 0, MinimumIndex = 6, TimeIndex = 5, GetWindowSize = 0x5413;

    private readonly Settings _before;
    private readonly bool _signals;
    private readonly PosixSignalRegistration[] _registrations;
    private bool _raw;

    private Terminal(Settings before, bool signals)
    {
        (_before, _signals) = (before, signals);
        AppDomain.CurrentDomain.ProcessExit += Restore;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTSTP, _ => Restore()),
            PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => MakeRaw()),
        ];
        MakeRaw();
    }

    /// <param name="signals">Ctrl-C and Ctrl-Z still act on the program.</param>
    /// <returns>Null when standard input is no terminal.</returns>
    public static Terminal? Open(bool signals)
    {
        Settings settings;
        return GetAttributes(0, &settings) == 0 ? new Terminal(settings, signals) : null;
    }

    /// <summary>Rows on the screen; 24 when nobody knows.</summary>
    public static int Rows
    {
        get
        {
            ulong size = 0; // four 16-bit numbers: rows, columns, and both in pixels
            return IoControl(1, GetWindowSize, &size) == 0 && (ushort)size > 0 ? (ushort)size : 24;
        }
    }

    /// <summary>Whether standard output is a terminal.</summary>
    public static bool IsOutput
    {
        get
        {
            Settings settings;
            return GetAttributes(1, &settings) == 0;
        }
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        AppDomain.CurrentDomain.ProcessExit -= Restore;
        Restore();
    }

    private void MakeRaw()
    {
        Settings raw = _before;
        raw.Input &= ~InputFlags;
        raw.Local &= ~(LocalFlags | (_signals ? 0 : Signals));
        raw.Characters[MinimumIndex] = 1;
        raw.Characters[TimeIndex] = 0;
        _raw = SetAttributes(0, Now, &raw) == 0;
    }

    private void Restore(object? sender, EventArgs nothing) => Restore();

    private void Restore()
    {
        if (!_raw) return;
        Settings before = _before;
        _ = SetAttributes(0, Now, &before);
        _raw = false;
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, Settings* into);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int descriptor, int when, Settings* from);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int IoControl(int descriptor, nuint request, void* argument);

    /// <summary>glibc's struct termios.</summary>
    private struct Settings
    {
        public uint Input, Output, Control, Local;
        public byte Line;
        public fixed byte Characters[32];
        public uint InputSpeed, OutputSpeed;
    }
}

using System.Diagnostics;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>The host's programs that prepare what a test needs.</summary>
internal static class HostProgram
{
    /// <summary>Runs one to its end; fails with what it printed when it does.</summary>
    public static void Run(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        string printed = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {printed}");
    }

    /// <summary>Starts one whose output nobody is to see.</summary>
    public static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
}

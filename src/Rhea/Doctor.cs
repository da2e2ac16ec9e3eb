using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Rhea.Boards.Firmware;
using Rhea.Core.Config;
using Rhea.Hypervisors.Kvm;
using Rhea.Hypervisors.Xen;

namespace Rhea;

/// <summary>What this host offers rhea, and what would make it better: <c>rhea doctor</c>.</summary>
public static class Doctor
{
    private static readonly (string File, string Package)[] Firmware =
        [("bios-256k.bin", "seabios"), ("vgabios-stdvga.bin", "seabios"), ("linuxboot_dma.bin", "qemu-system-data"), ("multiboot_dma.bin", "qemu-system-data")];

    private static readonly (string Program, string Purpose, string Package)[] Helpers = [("gdb", "debugs guests over -gdb", "gdb")];

    /// <summary>Lines for people to read: a thing, whether it is there, and the remedy where it is not.</summary>
    public static string Report()
    {
        var report = new StringBuilder();
        report.AppendLine(CultureInfo.InvariantCulture, $"host\n  {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processor(s)");
        report.AppendLine("accelerators");
        Say(report, "kvm", KvmHost.Problem ?? (KvmHost.HasHardware ? null : "works, but without hardware for it: not chosen unless -accel kvm asks for it"));
        Say(report, "xen", XenHost.Problem);
        bool translates = RuntimeInformation.ProcessArchitecture == Architecture.X64;
        Say(report, "tcg", translates ? null : "works, but interprets: it translates on x86-64 hosts only");
        report.AppendLine("firmware");
        var files = new FirmwareFiles(new FirmwareConfig());
        foreach ((string file, string package) in Firmware) Say(report, file, files.Find(file) is null ? $"missing: install the package {package}" : null, files.Find(file));
        report.AppendLine("helpers");
        foreach ((string program, string purpose, string package) in Helpers)
            Say(report, program, FindProgram(program) is null ? $"missing ({purpose}): install the package {package}" : null, FindProgram(program));
        return report.ToString();
    }

    private static void Say(StringBuilder report, string name, string? problem, string? where = null) =>
        report.AppendLine(CultureInfo.InvariantCulture, $"  {name,-20} {problem ?? where ?? "works"}");

    private static string? FindProgram(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}

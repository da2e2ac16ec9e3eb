using Xunit;

namespace Rhea.GuestTests;

/// <summary>An emulated host that has a hypervisor, where rhea runs as on a real one; its input and output come through.</summary>
/// <remarks>A program in tools/ makes it of Debian's packages; all of it is emulated, so nothing in it is fast.</remarks>
internal abstract class HypervisorLab : IDisposable
{
    /// <summary>More than tools/lab.sh gives a job: the lab can tell what it was about.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(600);

    private static readonly string[] Firmware = ["bios-256k.bin", "vgabios-stdvga.bin", "linuxboot_dma.bin", "multiboot_dma.bin"];

    private readonly TemporaryFolder _job = Assets.Folder();
    private readonly string _tool;

    /// <param name="tool">The program in tools/.</param>
    protected HypervisorLab(string tool)
    {
        _tool = tool;
        string rhea = Path.Combine(Assets.Root, "out/rhea");
        Assert.SkipWhen(Environment.GetEnvironmentVariable("RHEA_TEST_QUICK") == "1", "not in a quick run");
        Assert.SkipUnless(File.Exists(rhea), "only the native executable runs in the lab: ./publish makes it");
        Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86");
        Assets.Installed("/usr/bin/socat", "socat");
        Put("rhea", rhea);
        Put("vmlinuz", Assets.CloudKernel);
        Put("initrd.gz", Assets.CloudInitrd);
        foreach (string name in Firmware)
            foreach (string folder in (string[])["/usr/share/seabios", "/usr/share/qemu"])
                if (File.Exists(Path.Combine(folder, name)) && !File.Exists(_job[name])) Put(name, Path.Combine(folder, name));
    }

    /// <summary>A file of the job: before it starts, or of its out/ after its end.</summary>
    public string this[string name] => _job[name];

    /// <summary>Makes a file of the host's one of the job's.</summary>
    public void Put(string name, string path) => File.CreateSymbolicLink(_job[name], path);

    /// <summary>Runs a shell script, as root, in a folder with <c>rhea</c>, its firmware, <c>vmlinuz</c> and <c>initrd.gz</c>.</summary>
    /// <param name="script">The script.</param>
    /// <param name="settings">Environment variables for the program that makes the lab, as NAME=VALUE.</param>
    public Emulator Run(string script, params string[] settings)
    {
        File.WriteAllText(_job["run"], script);
        return Emulator.Other(Patience, "env", [.. settings, Path.Combine(Assets.Root, "tools", _tool), _job["."]]);
    }

    public void Dispose() => _job.Dispose();
}

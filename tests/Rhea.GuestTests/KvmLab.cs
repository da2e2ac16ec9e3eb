using Xunit;

namespace Rhea.GuestTests;

/// <summary>A small Linux with a working /dev/kvm, where rhea runs as on a host that has one; its input and output come through.</summary>
/// <remarks>tools/kvm-lab makes it of Debian's packages; all of it is emulated, so nothing in it is fast.</remarks>
internal sealed class KvmLab : IDisposable
{
    private static readonly string[] Firmware = ["bios-256k.bin", "vgabios-stdvga.bin", "linuxboot_dma.bin", "multiboot_dma.bin"];

    private readonly TemporaryFolder _job = Assets.Folder();

    public KvmLab()
    {
        string rhea = Path.Combine(Assets.Root, "out/rhea");
        Assert.SkipWhen(Environment.GetEnvironmentVariable("RHEA_TEST_QUICK") == "1", "not in a quick run");
        Assert.SkipUnless(File.Exists(rhea), "only the native executable runs in the lab: ./publish makes it");
        Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86");
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

    /// <summary>Runs a shell script in a folder with <c>rhea</c>, its firmware, <c>vmlinuz</c> and <c>initrd.gz</c>.</summary>
    public Emulator Run(string script)
    {
        File.WriteAllText(_job["run"], script);
        return Emulator.Other(Path.Combine(Assets.Root, "tools/kvm-lab"), _job["."]);
    }

    public void Dispose() => _job.Dispose();
}

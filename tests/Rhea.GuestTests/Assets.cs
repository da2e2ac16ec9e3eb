using System.Runtime.CompilerServices;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>The files that guests are made of. What `./test` has not put in place skips the test with a sentence.</summary>
internal static class Assets
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Here(), "../.."));

    public static string CloudKernel => Guest("cloud/vmlinuz");

    public static string CloudInitrd => Guest("cloud/initrd.gz");

    public static string PaeKernel => Guest("686/vmlinuz");

    public static string PaeInitrd => Guest("686/initrd.gz");

    public static string DebianDisk => Guest("debian/disk", "./test all");

    public static string Xen => Guest("xen/xen");

    /// <summary>For the cloud kernel, with stress-ng in it.</summary>
    public static string StressInitrd => Guest("stress/initrd.gz");

    /// <summary>For the cloud kernel, with a C compiler in it and something to compile in <c>/work</c>.</summary>
    public static string CompilerInitrd => Guest("gcc/initrd.gz", "./test all");

    public static string Dom0 => Guest("dom0/initrd.gz");

    /// <summary>A folder with Xen's toolstack, as it is below /.</summary>
    public static string Xl => Path.GetFullPath(Path.Combine(Guest("xl/usr/lib/xen-4.17/bin/xl"), "../../../../.."));

    public static string GrubCd => Installed("/usr/lib/grub-rescue/grub-rescue-cdrom.iso", "grub-rescue-pc");

    /// <summary>A file of a Debian package.</summary>
    public static string Installed(string path, string package)
    {
        Assert.SkipUnless(File.Exists(path), $"Debian's package {package} is not installed (./test installs it)");
        return path;
    }

    /// <summary>A folder of its own for each test, removed at the end.</summary>
    public static TemporaryFolder Folder() => new();

    private static string Guest(string name, string maker = "./test")
    {
        string path = Path.Combine(Root, "artifacts/guests", name);
        Assert.SkipUnless(File.Exists(path), $"{name} has not been made ({maker} makes it; tools/guest does it by hand)");
        return path;
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}

internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rhea-test-");

    public string this[string name] => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}

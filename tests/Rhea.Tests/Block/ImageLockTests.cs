using System.Diagnostics;
using Rhea.Block;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Block;

/// <summary>The same image in two programs. Where QEMU is installed, one of them is QEMU.</summary>
public sealed class ImageLockTests : IDisposable
{
    private readonly string _path = TestDisks.File(new byte[1 << 20]);
    private readonly BlockGraph _graph = new(new HostIoHere(), _ => { });

    public void Dispose()
    {
        _graph.Dispose();
        File.Delete(_path);
    }

    private DriveConfig Config => TestDisks.Config(_path);

    [Fact]
    public void A_writer_keeps_others_out()
    {
        _graph.Open(Config);

        var writer = Assert.Throws<ConfigException>(() => _graph.Open(Config with { Id = "b" }));
        var reader = Assert.Throws<ConfigException>(() => _graph.Open(Config with { Id = "c", ReadOnly = true }));

        Assert.StartsWith($"Failed to get \"write\" lock\nIs another process using the image [{_path}]?", writer.Message, StringComparison.Ordinal);
        Assert.StartsWith("Failed to get shared \"write\" lock\n", reader.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Readers_share_and_keep_writers_out()
    {
        _graph.Open(Config with { ReadOnly = true });
        _graph.Open(Config with { Id = "b", Snapshot = true });

        Assert.Throws<ConfigException>(() => _graph.Open(Config with { Id = "c" }));
    }

    [Fact]
    public void Locking_can_be_turned_off()
    {
        _graph.Open(Config);

        _graph.Open(Config with { Id = "b", Locking = "off" });
    }

    [Fact]
    public void A_lock_ends_with_its_node()
    {
        _graph.Close(_graph.Open(Config).Root!);

        _graph.Open(Config with { Id = "b" });
    }

    [Fact]
    public void Qemu_is_refused_an_image_that_is_open_here()
    {
        Assert.SkipUnless(File.Exists(Qemu), "no QEMU here");
        _graph.Open(Config);

        using Process qemu = StartQemu();
        string errors = qemu.StandardError.ReadToEnd();
        qemu.WaitForExit();

        Assert.Contains($"Failed to get \"write\" lock\nIs another process using the image [{_path}]?", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_that_qemu_has_open_is_refused_and_qemu_named()
    {
        Assert.SkipUnless(File.Exists(Qemu), "no QEMU here");
        using Process qemu = StartQemu();
        qemu.StandardInput.WriteLine("{\"execute\":\"qmp_capabilities\"}"); // its answer says that the disks are open
        Assert.NotNull(qemu.StandardOutput.ReadLine());
        Assert.NotNull(qemu.StandardOutput.ReadLine());

        try
        {
            var error = Assert.Throws<ConfigException>(() => _graph.Open(Config));

            Assert.Equal($"Failed to get \"write\" lock\nIs another process using the image [{_path}]? It is open in process {qemu.Id} (qemu-system-x86).", error.Message);
        }
        finally
        {
            qemu.Kill();
            qemu.WaitForExit();
        }
    }

    private const string Qemu = "/usr/bin/qemu-system-x86_64";

    private Process StartQemu() => Process.Start(new ProcessStartInfo(Qemu,
        ["-nodefaults", "-display", "none", "-S", "-m", "8", "-accel", "tcg", "-qmp", "stdio", "-drive", $"file={_path},format=raw,if=ide"])
    {
        RedirectStandardError = true,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
    })!;
}

using Rhea.Block;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Rhea.Core.Memory;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Block;

public sealed class BlockGraphTests : IDisposable
{
    private readonly string _path = TestDisks.File(TestDisks.Numbered(64));
    private readonly List<string> _warnings = [];
    private readonly BlockGraph _graph;

    public BlockGraphTests() => _graph = new BlockGraph(new HostIoHere(), _warnings.Add);

    public void Dispose()
    {
        _graph.Dispose();
        File.Delete(_path);
    }

    private DriveConfig Config => TestDisks.Config(_path);

    [Fact]
    public void A_drive_is_a_node_for_its_format_on_one_for_its_file()
    {
        BlockBackend drive = _graph.Open(Config);

        Assert.Equal(("raw", "#block102"), (drive.Root!.Driver, drive.Root.Name));
        (string role, BlockNode file) = Assert.Single(drive.Root.Children);
        Assert.Equal(("file", "file", "#block101"), (role, file.Driver, file.Name));
        Assert.Equal(["#block101", "#block102"], _graph.Nodes.Keys);
    }

    [Fact]
    public async Task Reads_and_writes_reach_the_file()
    {
        BlockBackend drive = _graph.Open(Config);

        await drive.WriteAsync(512, ScatterList.Of(new byte[] { 1, 2, 3, 4 }), throughCache: true, TestContext.Current.CancellationToken);

        Assert.Equal([1, 2, 3, 4, 0], File.ReadAllBytes(_path)[512..517]);
        Assert.Equal((1, 4), (drive.Statistics.Writes, drive.Statistics.BytesWritten));
    }

    [Fact]
    public async Task A_size_between_sectors_is_rounded_up_with_zeros()
    {
        File.WriteAllBytes(_path, [.. Enumerable.Repeat((byte)0xEE, 1000)]);
        BlockBackend drive = _graph.Open(Config);
        var last = new byte[512];

        await drive.ReadAsync(512, ScatterList.Of(last), TestContext.Current.CancellationToken);

        Assert.Equal(1024, drive.Length);
        Assert.Equal((0xEE, 0x00, 0x00), (last[487], last[488], last[511]));
    }

    [Fact]
    public async Task A_request_past_the_end_never_reaches_the_host()
    {
        BlockBackend drive = _graph.Open(Config);

        var error = await Assert.ThrowsAsync<BlockException>(async () =>
            await drive.WriteAsync((64 * 512) - 4, ScatterList.Of(new byte[8]), cancel: TestContext.Current.CancellationToken));

        Assert.Equal(BlockError.OutOfRange, error.Error);
        Assert.Equal(64 * 512, new FileInfo(_path).Length);
    }

    [Fact]
    public async Task A_read_only_drive_takes_no_writes()
    {
        BlockBackend drive = _graph.Open(Config with { ReadOnly = true });

        var error = await Assert.ThrowsAsync<BlockException>(async () =>
            await drive.WriteAsync(0, ScatterList.Of(new byte[512]), cancel: TestContext.Current.CancellationToken));

        Assert.Equal(BlockError.ReadOnly, error.Error);
        Assert.True(drive.IsReadOnly);
    }

    [Fact]
    public void A_cd_is_read_only_unless_the_user_says_otherwise() => Assert.True(_graph.Open(Config with { Media = "cdrom" }).IsReadOnly);

    [Fact]
    public void An_empty_drive_has_no_medium_until_one_is_put_in()
    {
        BlockBackend drive = _graph.Open(new DriveConfig { Id = "cd", Media = "cdrom" });
        var changes = 0;
        drive.MediumChanged += () => changes++;
        Assert.Equal((false, 0L), (drive.HasMedium, drive.Length));

        drive.Change(_graph.OpenMedium(Config with { Media = "cdrom" }, _path));

        Assert.Equal((true, 64L * 512, 1), (drive.HasMedium, drive.Length, changes));
    }

    [Theory]
    [InlineData("snapshot")]
    [InlineData("none")]
    [InlineData("unsafe")]
    [InlineData("writethrough")]
    [InlineData("directsync")]
    public async Task Every_cache_mode_reads_what_was_written_at_any_alignment(string mode)
    {
        DriveConfig config = mode == "snapshot" ? Config with { Snapshot = true } : Config with { Cache = mode };
        byte[] expected = TestDisks.Numbered(64), image = [.. expected];
        BlockBackend drive = _graph.Open(config);
        uint seed = 5;

        for (var i = 0; i < 200; i++)
        {
            int length = (int)(Next() % 3000) + 1, offset = (int)(Next() % (uint)(expected.Length - length));
            if (i % 8 == 0) (offset, length) = (offset & ~511, Math.Min(1024, expected.Length - (offset & ~511)));
            byte[] data = [.. Enumerable.Range(0, length).Select(_ => (byte)Next())];
            data.CopyTo(expected, offset);
            await drive.WriteAsync(offset, ScatterList.Of(data), cancel: TestContext.Current.CancellationToken);
        }

        var all = new byte[expected.Length];
        await drive.ReadAsync(0, ScatterList.Of(all), TestContext.Current.CancellationToken);
        Assert.Equal(expected, all);
        Assert.Equal(mode == "snapshot" ? image : expected, File.ReadAllBytes(_path));

        uint Next() => seed = (seed * 1664525) + 1013904223 >> 1;
    }

    [Fact]
    public void Writethrough_disks_have_no_write_cache() =>
        Assert.Equal((false, true), (_graph.Open(Config with { Cache = "writethrough" }).WriteCache, _graph.Open(Config with { Id = "b", Cache = "none", Locking = "off" }).WriteCache));

    [Fact]
    public void A_guessed_format_is_warned_about_in_qemus_words()
    {
        _graph.Open(Config with { Format = null });

        Assert.StartsWith($"WARNING: Image format was not specified for '{_path}' and probing guessed raw.\n         Automatically", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_cannot_turn_an_image_of_guessed_format_into_another()
    {
        BlockBackend guessed = _graph.Open(Config with { Format = null });
        byte[] header = [(byte)'Q', (byte)'F', (byte)'I', 0xFB, 0, 0, 0, 3];

        var error = await Assert.ThrowsAsync<BlockException>(async () => await guessed.WriteAsync(0, ScatterList.Of(header), cancel: TestContext.Current.CancellationToken));
        await guessed.WriteAsync(512, ScatterList.Of(header), cancel: TestContext.Current.CancellationToken);

        Assert.Equal("a write would turn an image of unspecified format into qcow2", error.Message);
        Assert.Equal(0, File.ReadAllBytes(_path)[0]);
    }

    [Fact]
    public void A_qcow2_image_is_not_taken_for_a_raw_one()
    {
        File.WriteAllBytes(_path, [(byte)'Q', (byte)'F', (byte)'I', 0xFB, 0, 0, 0, 3, .. new byte[1024]]);

        var error = Assert.Throws<ConfigException>(() => _graph.Open(Config with { Format = null }));

        Assert.StartsWith($"Could not open '{_path}': its format qcow2 is not supported yet", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nonexistent/disk.img", "Could not open '/nonexistent/disk.img': No such file or directory")]
    [InlineData("/etc", "'file' driver requires '/etc' to be a regular file")]
    [InlineData("foo:bar", "Unknown protocol 'foo'")]
    public void A_file_that_cannot_be_opened_is_named(string path, string message) =>
        Assert.Equal(message, Assert.Throws<ConfigException>(() => _graph.Open(Config with { File = path })).Message);

    [Theory]
    [InlineData("rawx", "writeback", "report", "enospc", "Unknown driver 'rawx'")]
    [InlineData("raw", "foo", "report", "enospc", "invalid cache option")]
    [InlineData("raw", "none", "enospc", "enospc", "'enospc' invalid read error action")]
    [InlineData("raw", "none", "report", "foo", "'foo' invalid write error action")]
    public void A_wrong_choice_is_refused_in_qemus_words(string format, string cache, string rerror, string werror, string message)
    {
        DriveConfig config = Config with { Format = format, Cache = cache, ReadError = rerror, WriteError = werror };

        Assert.Equal(message, Assert.Throws<ConfigException>(() => _graph.Open(config)).Message);
    }

    [Theory]
    [InlineData("enospc", BlockError.NoSpace, BlockErrorPolicy.Stop)]
    [InlineData("enospc", BlockError.Io, BlockErrorPolicy.Report)]
    [InlineData("stop", BlockError.Io, BlockErrorPolicy.Stop)]
    [InlineData("report", BlockError.NoSpace, BlockErrorPolicy.Report)]
    [InlineData("ignore", BlockError.Io, BlockErrorPolicy.Ignore)]
    public void The_users_policy_says_what_becomes_of_an_error(string werror, BlockError error, BlockErrorPolicy expected)
    {
        BlockIoErrorEvent? failure = null;
        _graph.Failed += found => failure = found;
        BlockBackend drive = _graph.Open(Config with { WriteError = werror });

        Assert.Equal(expected, drive.Judge(new BlockException(error, "boom"), writing: true));

        Assert.Equal(new BlockIoErrorEvent("disk", "#block102", IoOperation.Write, expected, error == BlockError.NoSpace, "boom"), failure);
    }

    /// <summary>/dev/full is a host disk without a free byte.</summary>
    [Fact]
    public async Task A_full_host_disk_is_an_error_of_its_own_kind()
    {
        FileNode full = FileNode.Open("full", "/dev/full", new HostIoHere(), new Rhea.Block.FileOptions(ReadOnly: false, Direct: false, Flushes: true, Locked: false));

        var error = await Assert.ThrowsAsync<BlockException>(async () => await full.WriteAsync(0, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken));

        Assert.Equal((BlockError.NoSpace, "No space left on device"), (error.Error, error.Message));
    }

    [Fact]
    public async Task Zeros_and_discards_leave_zeros()
    {
        File.WriteAllBytes(_path, [.. Enumerable.Repeat((byte)0xEE, 1 << 20)]);
        BlockBackend drive = _graph.Open(Config with { Discard = true });

        await drive.WriteZeroesAsync(4096, 65536, mayUnmap: false, TestContext.Current.CancellationToken);
        await drive.WriteZeroesAsync(100_000, 1, mayUnmap: true, TestContext.Current.CancellationToken);
        await drive.DiscardAsync(524288, 65536, TestContext.Current.CancellationToken);

        byte[] bytes = File.ReadAllBytes(_path);
        Assert.Equal((0xEE, 0, 0, 0xEE), (bytes[4095], bytes[4096], bytes[4096 + 65535], bytes[4096 + 65536]));
        Assert.Equal((0xEE, 0, 0xEE), (bytes[99_999], bytes[100_000], bytes[100_001]));
        Assert.Equal((0, 1 << 20), (bytes[524288], bytes.Length));
    }
}

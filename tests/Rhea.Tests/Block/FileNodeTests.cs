using Rhea.Block;
using Rhea.Core.Memory;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Block;

public sealed class FileNodeTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly byte[] _content = [.. Enumerable.Range(0, 1024 * 1024).Select(i => (byte)(i * 7 >> 3))];
    private readonly CountedIo _io = new();

    public FileNodeTests() => File.WriteAllBytes(_path, _content);

    public void Dispose() => File.Delete(_path);

    [Fact]
    public async Task A_short_read_of_what_the_host_has_in_memory_waits_for_nobody()
    {
        using (DiskFile file = DiskFile.Open(_path, writable: false, direct: false))
            Assert.SkipUnless(file.TryReadAtOnce(0, ScatterList.Of(new byte[512])), "this file system cannot say what it has in memory");
        using FileNode node = Open();

        Assert.Equal(_content[8192..12288], await Read(node, 8192, 4096));
        Assert.Equal(0, _io.Calls);
    }

    [Fact]
    public async Task A_long_read_is_the_threads()
    {
        using FileNode node = Open();

        Assert.Equal(_content[..0x9_0000], await Read(node, 0, 0x9_0000));
        Assert.Equal(1, _io.Calls);
    }

    [Fact]
    public async Task A_read_across_the_end_ends_in_zeros()
    {
        using FileNode node = Open();

        byte[] expected = [.. _content[^512..], .. new byte[512]];

        Assert.Equal(expected, await Read(node, _content.Length - 512, 1024));
    }

    /// <summary>More pieces than one call takes, of all sizes, and the file ends in the middle.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_transfer_may_lie_in_many_places(bool direct)
    {
        using FileNode node = OpenWritable(direct);
        byte[] wanted = [.. _content.Select(b => (byte)~b)];
        CancellationToken cancel = TestContext.Current.CancellationToken;

        await node.WriteAsync(512, Pieces(wanted.AsMemory(0, 0x8_0000)), cancel);
        byte[] read = new byte[_content.Length];
        await node.ReadAsync(1024, Pieces(read), cancel);

        byte[] onDisk = [.. _content[..512], .. wanted[..0x8_0000], .. _content[(512 + 0x8_0000)..]];
        Assert.Equal(onDisk, await File.ReadAllBytesAsync(_path, cancel));
        Assert.Equal([.. onDisk[1024..], .. new byte[1024]], read);

        static ScatterList Pieces(Memory<byte> all)
        {
            var list = new ScatterList();
            for (var size = 1; !all.IsEmpty; size = (size * 5 % 9001) + 1)
            {
                Memory<byte> piece = all[..Math.Min(size, all.Length)];
                list.Add(piece);
                all = all[piece.Length..];
            }

            Assert.True(list.Count > 128);
            return list;
        }
    }

    private FileNode OpenWritable(bool direct)
    {
        try
        {
            return FileNode.Open("disk", _path, _io, new Rhea.Block.FileOptions(ReadOnly: false, Direct: direct, Flushes: true, Locked: false));
        }
        catch (Rhea.Core.ConfigException error) when (direct && error.Message.Contains("O_DIRECT", StringComparison.Ordinal))
        {
            Assert.Skip(error.Message);
            throw;
        }
    }

    private FileNode Open() => FileNode.Open("disk", _path, _io, new Rhea.Block.FileOptions(ReadOnly: true, Direct: false, Flushes: true, Locked: false));

    private static async Task<byte[]> Read(FileNode node, long offset, int length)
    {
        var read = new byte[length];
        await node.ReadAsync(offset, ScatterList.Of(read), TestContext.Current.CancellationToken);
        return read;
    }

    private sealed class CountedIo : IHostIo
    {
        public int Calls { get; private set; }

        public ValueTask Run(Action call, CancellationToken cancel)
        {
            Calls++;
            call();
            return default;
        }

        public void Dispose()
        {
        }
    }
}

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
            Assert.SkipUnless(file.TryReadAtOnce(0, new byte[512]), "this file system cannot say what it has in memory");
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

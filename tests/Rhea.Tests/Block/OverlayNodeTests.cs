using Rhea.Block;
using Rhea.Core;
using Rhea.Core.Memory;
using Rhea.Host;
using Xunit;

namespace Rhea.Tests.Block;

public sealed class OverlayNodeTests : IDisposable
{
    private const int Cluster = 65536;

    private readonly string _path = TestDisks.File([.. Enumerable.Repeat((byte)0x11, (3 * Cluster) + 1024)]);
    private readonly BlockGraph _graph = new(new HostIoHere(), _ => { });
    private readonly OverlayNode _overlay;

    public OverlayNodeTests() => _overlay = (OverlayNode)_graph.Open(TestDisks.Config(_path) with { Snapshot = true }).Root!;

    public void Dispose()
    {
        _graph.Dispose();
        File.Delete(_path);
    }

    [Fact]
    public async Task Only_what_is_written_takes_space()
    {
        Assert.Equal(0, _overlay.Allocated);

        await _overlay.WriteAsync(Cluster - 256, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);

        Assert.Equal(2 * Cluster, _overlay.Allocated);
        Assert.Equal((0x11, 0x00, 0x00, 0x11), (await At(Cluster - 257), await At(Cluster - 256), await At(Cluster + 255), await At(Cluster + 256)));
        Assert.All(File.ReadAllBytes(_path), value => Assert.Equal(0x11, value));
    }

    [Fact]
    public async Task The_last_cluster_may_be_short()
    {
        await _overlay.WriteAsync((3 * Cluster) + 512, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);

        Assert.Equal((0x11, 0x00), (await At((3 * Cluster) + 511), await At((3 * Cluster) + 1023)));
    }

    [Fact]
    public async Task Zeros_hide_the_image_below_and_a_discard_does_not_uncover_it()
    {
        await _overlay.WriteZeroesAsync(100, 2 * Cluster, mayUnmap: true, TestContext.Current.CancellationToken);
        await _overlay.DiscardAsync(0, 3 * Cluster, TestContext.Current.CancellationToken);

        Assert.Equal((0x11, 0x00, 0x00, 0x11), (await At(99), await At(100), await At(99 + (2 * Cluster)), await At(100 + (2 * Cluster))));
    }

    [Fact]
    public void The_image_itself_is_opened_for_reading_only() => Assert.True(_overlay.Children[1].Node.IsReadOnly);

    [Fact]
    public async Task A_commit_writes_what_was_kept_to_the_image_and_keeps_nothing_more()
    {
        await _overlay.WriteAsync(Cluster - 256, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);
        await _overlay.WriteAsync((3 * Cluster) + 512, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);

        await BlockGraph.CommitAsync(_graph.Drives.Values.Single(), TestContext.Current.CancellationToken);

        byte[] image = File.ReadAllBytes(_path);
        Assert.Equal((3 * Cluster) + 1024, image.Length);
        Assert.Equal((0x11, 0, 0, 0x11), (image[Cluster - 257], image[Cluster - 256], image[Cluster + 255], image[Cluster + 256]));
        Assert.Equal((0x11, 0), (image[(3 * Cluster) + 511], image[^1]));
        Assert.Equal(0, _overlay.Allocated);
        await _overlay.WriteAsync(0, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);
        Assert.Equal(0x11, File.ReadAllBytes(_path)[0]);
    }

    [Fact]
    public async Task A_commit_to_an_image_that_another_uses_is_refused_and_loses_nothing()
    {
        await _overlay.WriteAsync(0, ScatterList.Of(new byte[512]), TestContext.Current.CancellationToken);
        using (var other = new BlockGraph(new HostIoHere(), _ => { }))
        {
            other.Open(TestDisks.Config(_path) with { ReadOnly = true });
            await Assert.ThrowsAsync<ConfigException>(() => BlockGraph.CommitAsync(_graph.Drives.Values.Single(), TestContext.Current.CancellationToken));
        }

        Assert.Equal((0, 0x11), (await At(0), File.ReadAllBytes(_path)[0]));
        await BlockGraph.CommitAsync(_graph.Drives.Values.Single(), TestContext.Current.CancellationToken);
        Assert.Equal(0, File.ReadAllBytes(_path)[0]);
    }

    private async Task<int> At(long offset)
    {
        var one = new byte[1];
        await _overlay.ReadAsync(offset, ScatterList.Of(one), default);
        return one[0];
    }
}

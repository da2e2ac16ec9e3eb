using Rhea.Block;
using Rhea.Core.Config;
using Rhea.Host;

namespace Rhea.Tests.Block;

/// <summary>Drives over real files that are gone with the test. Their requests are done at once, so that each run is the same.</summary>
internal static class TestDisks
{
    public static DriveConfig Config(string path) => new() { Id = "disk", File = path, Format = "raw" };

    public static BlockBackend Blank(long length) => Of(new byte[length]);

    public static BlockBackend Of(ReadOnlySpan<byte> contents, string media = "disk")
    {
        string path = File(contents);
        BlockBackend drive = new BlockGraph(new HostIoHere(), _ => { }).Open(Config(path) with { Media = media });
        System.IO.File.Delete(path);
        return drive;
    }

    /// <summary>A file of the test's own.</summary>
    public static string File(ReadOnlySpan<byte> contents)
    {
        string path = Path.Combine(Path.GetTempPath(), $"rhea-test-{Guid.NewGuid():N}.img");
        System.IO.File.WriteAllBytes(path, contents);
        return path;
    }

    /// <summary>Every sector begins with its own number, little-endian, so that none can be taken for another.</summary>
    public static byte[] Numbered(int sectors, int length = 512)
    {
        var bytes = new byte[sectors * length];
        for (var i = 0; i < sectors; i++) BitConverter.TryWriteBytes(bytes.AsSpan(i * length), i);
        return bytes;
    }
}

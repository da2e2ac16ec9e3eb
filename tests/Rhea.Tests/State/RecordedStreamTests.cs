using System.IO.Compression;
using Rhea.Core.State;
using Xunit;

namespace Rhea.Tests.State;

/// <summary>What an earlier version has saved is loaded by every later one, and every field that it saved keeps its value.</summary>
/// <remarks>
/// The streams beside this file, one for each type of machine, are text: gzip in base64, without the contents of RAM. They were
/// recorded once and are never made anew; <c>RHEA_RECORD=FILE</c> records one of a type that has none yet, after some seconds in its firmware.
/// </remarks>
public sealed class RecordedStreamTests
{
    private const int LineLength = 160;

    [Fact]
    public void The_recorded_machine_of_pc_i440fx_7_2_is_loaded_whole()
    {
        byte[] recorded = Unpacked("pc-i440fx-7.2.stream");
        using VirtualMachine pc = FullMachine.Create();

        pc.Machine.Load(new MemoryStream(recorded));

        Dictionary<string, string> now = Fields(FullMachine.Devices(pc.Machine)), then = Fields(recorded);
        Assert.InRange(then.Count, 1000, int.MaxValue);
        foreach ((string field, string value) in then) Assert.Equal($"{field} {value}", $"{field} {now.GetValueOrDefault(field)}");
    }

    [Fact]
    public async Task Record()
    {
        string? path = Environment.GetEnvironmentVariable("RHEA_RECORD");
        Assert.SkipUnless(path is not null, "RHEA_RECORD=FILE records a stream");
        using VirtualMachine pc = FullMachine.Create();
        pc.Start();
        pc.Resume();
        await Task.Delay(3000, TestContext.Current.CancellationToken);
        pc.Pause();
        var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize)) gzip.Write(pc.Machine.Invoke(() => FullMachine.Devices(pc.Machine)));
        string text = Convert.ToBase64String(packed.ToArray());
        await File.WriteAllLinesAsync(path!, text.Chunk(LineLength).Select(line => new string(line)), TestContext.Current.CancellationToken);
    }

    private static byte[] Unpacked(string file)
    {
        using var packed = new GZipStream(new MemoryStream(Convert.FromBase64String(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "State", file)))), CompressionMode.Decompress);
        var stream = new MemoryStream();
        packed.CopyTo(stream);
        return stream.ToArray();
    }

    private static Dictionary<string, string> Fields(byte[] stream) => new SavedStream(new MemoryStream(stream)).Sections
        .Where(section => section.Name != "globalstate") // what it was doing: here it does nothing yet
        .SelectMany(section => section.Fields.Select(field => (Key: $"{section.Name}#{section.Instance}.{field.Path}", field.Hex)))
        .GroupBy(pair => pair.Key).ToDictionary(same => same.Key, same => string.Join(' ', same.Select(pair => pair.Hex))); // some names stand there twice
}

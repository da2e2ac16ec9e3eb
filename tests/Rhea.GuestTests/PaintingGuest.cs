using System.Text.RegularExpressions;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>A guest that fills its frame buffer anew for each key and counts in between: what a hypervisor's log of written pages is tried with.</summary>
internal static partial class PaintingGuest
{
    private const int Pages = 640 * 400 * 4 / 4096;

    /// <summary>Drives it through the monitor of a machine in a lab, which leaves pictures in the job's out/: each shows every page that was painted, and a stopped guest stands still.</summary>
    public static async Task Watch(Emulator lab, Func<string, string> file)
    {
        await lab.WaitFor("(qemu) ");
        for (var round = 1; round <= 3; round++)
        {
            while ((await Counter(lab)).Blue != $"0x{round * 16:x8}") await Task.Delay(100, TestContext.Current.CancellationToken);
            await lab.Type($"screendump out/{round}.ppm\n");
            await lab.Type("sendkey a\n");
        }

        await lab.Type("stop\n");
        (string Count, string)[] stopped = [await Counter(lab), await Counter(lab)];
        await lab.Type("cont\n");
        (string Count, string) running = stopped[1];
        for (var tries = 0; running == stopped[1] && tries < 100; tries++) running = await Counter(lab); // the first may come before the processor
        await lab.Type("quit\n");

        await lab.Succeeds();
        Assert.Equal(stopped[0], stopped[1]);
        Assert.NotEqual(stopped[1], running);
        for (var round = 1; round <= 3; round++)
            Assert.Equal(Enumerable.Repeat((byte)(round * 16), Pages), Blues(await File.ReadAllBytesAsync(file($"out/{round}.ppm"), TestContext.Current.CancellationToken)));
    }

    /// <summary>Writes a pixel in each page of a frame buffer of 640 by 400, then counts at 200000h until a key comes, and does it again in another blue.</summary>
    public static byte[] Kernel() => GuestCode.MultibootKernel(code =>
    {
        Label round = code.CreateLabel(), page = code.CreateLabel(), count = code.CreateLabel();
        foreach ((int index, int value) in ((int, int)[])[(4, 0), (1, 640), (2, 400), (3, 32), (4, 0x41)])
        {
            code.mov(dx, 0x1CE);
            code.mov(ax, (ushort)index);
            code.@out(dx, ax);
            code.inc(dx);
            code.mov(ax, (ushort)value);
            code.@out(dx, ax);
        }

        code.mov(dx, 0xCF8);
        code.mov(eax, 0x8000_1010);
        code.@out(dx, eax);
        code.mov(dx, 0xCFC);
        code.@in(eax, dx);
        code.and(al, 0xF0);
        code.mov(ebp, eax);
        code.xor(ebx, ebx);
        code.Label(ref round);
        code.add(ebx, 16);
        code.mov(edi, ebp);
        code.mov(ecx, Pages);
        code.Label(ref page);
        code.mov(__dword_ptr[edi], ebx);
        code.add(edi, 4096);
        code.loop(page);
        code.mov(__dword_ptr[0x20_0004], ebx);
        code.Label(ref count);
        code.inc(__dword_ptr[0x20_0000]);
        code.@in(al, 0x64);
        code.test(al, 1);
        code.jz(count);
        code.@in(al, 0x60);
        code.test(al, 0x80);
        code.jz(count); // until the key is up again
        code.jmp(round);
    });

    /// <summary>The blue of the first pixel of each page, from a picture in PPM.</summary>
    private static IEnumerable<byte> Blues(byte[] ppm)
    {
        const string Header = "P6\n640 400\n255\n";
        Assert.Equal(Header, System.Text.Encoding.ASCII.GetString(ppm, 0, Header.Length));
        return Enumerable.Range(0, Pages).Select(page => ppm[Header.Length + (page * 1024 * 3) + 2]);
    }

    private static async Task<(string Count, string Blue)> Counter(Emulator lab)
    {
        int before = Values().Count(lab.Output);
        await lab.Type("xp /2wx 0x200000\n");
        await lab.Until(() => Values().Count(lab.Output) > before, "the counter");
        Match last = Values().Matches(lab.Output)[^1];
        return (last.Groups[1].Value, last.Groups[2].Value);
    }

    [GeneratedRegex("200000: (0x[0-9a-f]{8}) (0x[0-9a-f]{8})")]
    private static partial Regex Values();
}

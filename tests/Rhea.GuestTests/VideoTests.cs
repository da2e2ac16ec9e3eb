using Xunit;

namespace Rhea.GuestTests;

/// <summary>What the screen shows in every mode and with every trick of the VGA, pixel for pixel as on Debian's QEMU.</summary>
public class VideoTests
{
    private const ushort Crtc = 0x3D4, MonoCrtc = 0x3B4, Sequencer = 0x3C4, Graphics = 0x3CE, Attribute = 0x3C0;

    private readonly List<string> _differences = [];

    private Puppet? _here, _qemu;

    [Fact]
    public async Task Every_mode_of_the_bios() => await Compare(async () =>
    {
        ushort[] modes = [0, 1, 2, 3, 7, 4, 5, 6, 0xD, 0xE, 0xF, 0x10, 0x11, 0x12, 0x13];
        foreach (ushort before in (ushort[])[3, 7, 6, 0xD, 0x12, 0x13])
        {
            foreach (ushort mode in modes)
            {
                if (mode == 7 && before == 0x12) continue; // the BIOS leaves cells of one line: too many characters for QEMU
                await Show($"mode {mode:X} after {before:X}", puppet =>
                {
                    Mode(puppet, before);
                    Noise(puppet, before);
                    Mode(puppet, mode);
                    foreach ((int i, char letter) in "Mode g. \r\nThe quick brown fox\r\n".Index())
                        puppet.Bios((ushort)(0x0E00 | letter), (ushort)((i % 15) + 1));
                    for (ushort i = 0; i < 12; i++) puppet.Bios((ushort)(0x0C00 | i), cx: (ushort)(100 + i), dx: (ushort)(50 + (i / 2)));
                });
            }
        }

        foreach (ushort mode in modes)
        {
            await Show($"mode {mode:X} with noise", puppet =>
            {
                Mode(puppet, 3);
                Mode(puppet, mode);
                Noise(puppet, mode);
            });
        }
    });

    [Fact]
    public async Task Every_mode_of_vbe() => await Compare(async () =>
    {
        foreach (int number in (int[])[.. Enumerable.Range(0x100, 0x20), 0x140, 0x142, 0x146, 0x14C, 0x186])
        {
            var mode = (ushort)number;
            if (number is 0x102 or 0x104 or 0x106) continue; // four planes, which QEMU leaves chained
            await Show($"VBE mode {mode:X}", puppet =>
            {
                puppet.Bios(0x4F02, mode);
                for (ushort bank = 0; bank < 3; bank++)
                {
                    puppet.Bios(0x4F05, dx: bank);
                    puppet.Scatter(0xA000, (ushort)(bank * 99), 0xE000, (ushort)(mode + bank));
                }
            });
        }
    });

    [Fact]
    public async Task Vbe_registers_set_any_size_place_and_depth() => await Compare(async () =>
    {
        var random = new TestRandom(7);
        foreach (ushort depth in (ushort[])[8, 15, 16, 24, 32]) // four planes QEMU leaves chained
        {
            for (var i = 0; i < 6; i++)
            {
                (ushort Index, ushort Value)[] mode =
                [
                    (4, 0), (1, (ushort)random.Next(40, 900)), (2, (ushort)random.Next(40, 700)), (3, depth),
                    (4, (ushort)(0x41 | random.Next(2) * 0x20 | random.Next(2) * 0x80)),
                ];
                (ushort Index, ushort Value)[] place = [(6, (ushort)random.Next(0, 1200)), (8, (ushort)random.Next(0, 200)), (9, (ushort)random.Next(0, 200))];
                await Show($"{depth} bits, {i}: {string.Join(' ', mode.Concat(place).Select(write => $"{write.Index}={write.Value}"))}", puppet =>
                {
                    puppet.Bios(0x12);
                    foreach ((ushort index, ushort value) in mode) Vbe(puppet, index, value);
                    for (ushort bank = 0; bank < 4; bank++)
                    {
                        Vbe(puppet, 5, bank);
                        puppet.Scatter(0xA000, 0, 0xFFFF, (ushort)(depth * bank));
                    }

                    foreach ((ushort index, ushort value) in place.Take(i)) Vbe(puppet, index, value);
                });
            }
        }
    });

    [Fact]
    public async Task Text_with_other_fonts_colours_and_cells() => await Compare(async () =>
    {
        foreach (ushort mode in (ushort[])[1, 3, 7])
        {
            bool mono = mode == 7;
            ushort crtc = mono ? MonoCrtc : Crtc, screen = (ushort)(mono ? 0xB000 : 0xB800);
            (string Name, Action<Puppet> Commands)[] steps =
            [
                ("8 by 14", puppet => puppet.Bios(0x1111)),
                ("8 by 8", puppet => puppet.Bios(0x1112)),
                ("8 by 16", puppet => puppet.Bios(0x1114)),
                ("a font of its own", puppet => { puppet.Scatter(0, 0x8000, 0x1000, 5); puppet.Bios(0x1110, 0x1000, 0x100, 0, 0x8000); }),
                ("half a font", puppet => { puppet.Scatter(0, 0x8000, 0x400, 6); puppet.Bios(0x1100, 0x1000, 0x40, 0x30, 0x8000); }),
                ("512 characters", puppet => { puppet.Scatter(0, 0x8000, 0x1000, 8); puppet.Bios(0x1100, 0x1001, 0x100, 0, 0x8000); puppet.Bios(0x1103, 0x04); }),
                ("512 other characters", puppet => { puppet.Scatter(0, 0x8000, 0x1000, 9); puppet.Bios(0x1100, 0x1006, 0x100, 0, 0x8000); puppet.Bios(0x1103, 0x19); }),
                ("eight dots", puppet => puppet.Set(Sequencer, 1, 1)),
                ("sixteen dots", puppet => puppet.Set(Sequencer, 1, 9)),
                ("eighteen dots", puppet => puppet.Set(Sequencer, 1, 8)),
                ("no line graphics", puppet => Register(puppet, mono, 0x10, 0)),
                ("monochrome attributes", puppet => Register(puppet, mono, 0x10, 2)),
                ("underline in the middle", puppet => puppet.Set(crtc, 0x14, 7)),
                ("palette", puppet => { for (byte i = 0; i < 16; i++) Register(puppet, mono, i, (byte)(63 - (i * 3))); }),
                ("colour select", puppet => Register(puppet, mono, 0x14, 0x0C)),
                ("colour select of 4", puppet => { Register(puppet, mono, 0x10, 0x80); Register(puppet, mono, 0x14, 0x03); }),
                ("plane enable", puppet => Register(puppet, mono, 0x12, 0x05)),
                ("overscan", puppet => Register(puppet, mono, 0x11, 0x05)),
                ("start", puppet => { puppet.Set(crtc, 0xC, 1); puppet.Set(crtc, 0xD, 0x27); }),
                ("end of the memory", puppet => { puppet.Set(crtc, 0xC, 0xFF); puppet.Set(crtc, 0xD, 0x20); }),
                ("longer rows", puppet => puppet.Set(crtc, 0x13, 0x30)),
                ("cells of 11 lines", puppet => puppet.Set(crtc, 9, 0x4A)),
                ("cells of 32 lines", puppet => puppet.Set(crtc, 9, 0x5F)),
                ("cells of two lines", puppet => puppet.Set(crtc, 9, 0x41)),
                ("fewer lines", puppet => puppet.Set(crtc, 0x12, 0x55)),
                ("double scan", puppet => puppet.Set(crtc, 9, 0xC7)),
            ];
            foreach ((string name, Action<Puppet> commands) in steps)
            {
                await Show($"mode {mode:X}, {name}", puppet =>
                {
                    Mode(puppet, mode);
                    Noise(puppet, mode);
                    commands(puppet);
                    puppet.Set(crtc, 0xA, 0x20);
                });
            }
        }
    });

    [Fact]
    public async Task The_cursor_has_any_shape() => await Compare(async () =>
    {
        foreach (ushort mode in (ushort[])[1, 3, 7])
        {
            foreach (ushort shape in (ushort[])[0x0D0E, 0x000F, 0x0F0F, 0x0F02, 0x0D4E])
            {
                await Show($"mode {mode:X}, cursor {shape:X4}", puppet =>
                {
                    Mode(puppet, mode);
                    puppet.Bios(0x0200, dx: 0x0507);
                    puppet.Set(mode == 7 ? MonoCrtc : Crtc, 0xA, (byte)(shape >> 8));
                    puppet.Set(mode == 7 ? MonoCrtc : Crtc, 0xB, (byte)shape);
                }, blinks: true);
            }
        }
    });

    [Fact]
    public async Task Graphics_with_every_trick() => await Compare(async () =>
    {
        foreach (ushort mode in (ushort[])[4, 6, 0xD, 0x12, 0x13])
        {
            var doubled = (byte)(mode switch { 4 or 6 => 0x81, 0xD => 0x80, 0x13 => 1, _ => 0 });
            (string Name, Action<Puppet> Commands)[] steps =
            [
                ("start", puppet => { puppet.Set(Crtc, 0xC, 1); puppet.Set(Crtc, 0xD, 0x27); }),
                ("end of the memory", puppet => { puppet.Set(Crtc, 0xC, 0xFF); puppet.Set(Crtc, 0xD, 0x20); }),
                ("longer lines", puppet => puppet.Set(Crtc, 0x13, 0x45)),
                ("no length", puppet => puppet.Set(Crtc, 0x13, 0)),
                ("split at 103", puppet => Split(puppet, 103, doubled)),
                ("split at 3", puppet => Split(puppet, 3, doubled)),
                ("split at 303", puppet => Split(puppet, 303, doubled)),
                ("palette", puppet => { for (byte i = 0; i < 16; i++) Register(puppet, false, i, (byte)(63 - (i * 3))); }),
                ("colour select", puppet => Register(puppet, false, 0x14, 0x0C)),
                ("colour select of 4", puppet => { Register(puppet, false, 0x10, 0x81); Register(puppet, false, 0x14, 0x03); }),
                ("plane enable", puppet => Register(puppet, false, 0x12, 0x05)),
                ("DAC", puppet => { puppet.Out(0x3C8, 0); for (var i = 0; i < 768; i++) puppet.Out(0x3C9, (byte)(i * 5)); }),
                ("shift of CGA", puppet => puppet.Set(Graphics, 5, 0x20)),
                ("shift of 256 colours", puppet => puppet.Set(Graphics, 5, 0x40)),
                ("plain shift", puppet => puppet.Set(Graphics, 5, 0x00)),
                ("half dot clock", puppet => puppet.Set(Sequencer, 1, 9)),
                ("full dot clock", puppet => puppet.Set(Sequencer, 1, 1)),
                ("repeated lines", puppet => { puppet.Set(Crtc, 9, 0x43); puppet.Set(Crtc, 0x17, 0xE3); }),
                ("repeated and doubled lines", puppet => { puppet.Set(Crtc, 9, 0xC2); puppet.Set(Crtc, 0x17, 0xE3); }),
                ("CGA addresses", puppet => { puppet.Set(Crtc, 9, 0x41); puppet.Set(Crtc, 0x17, 0xA2); }),
                ("CGA addresses of words", puppet => { puppet.Set(Crtc, 9, 0xC1); puppet.Set(Crtc, 0x17, 0xE2); }),
                ("Hercules addresses", puppet => { puppet.Set(Crtc, 9, 0x43); puppet.Set(Crtc, 0x17, 0xA0); }),
                ("byte addresses", puppet => puppet.Set(Crtc, 0x17, 0xE3)),
                ("doubleword addresses", puppet => puppet.Set(Crtc, 0x14, 0x40)),
                ("no chain", puppet => { puppet.Set(Sequencer, 4, 6); Noise(puppet, mode); }),
                ("chain", puppet => { puppet.Set(Sequencer, 4, 0xE); Noise(puppet, mode); }),
                ("chain and a plane", puppet => { puppet.Set(Sequencer, 4, 0xE); puppet.Set(Sequencer, 2, 0x2); Noise(puppet, mode); }),
                ("a plane", puppet => { puppet.Set(Sequencer, 2, 0x4); Noise(puppet, mode); }),
                ("odd and even", puppet => { puppet.Set(Sequencer, 4, 2); puppet.Set(Graphics, 5, 0x10); Noise(puppet, mode); }),
                ("odd and even of two planes", puppet => { puppet.Set(Sequencer, 4, 2); puppet.Set(Sequencer, 2, 9); puppet.Set(Graphics, 5, 0x10); Noise(puppet, mode); }),
                ("at B8000", puppet => { puppet.Set(Graphics, 6, 0xD); puppet.Scatter(0xB800, 0, 0x7000, 3); }),
                ("at B0000", puppet => { puppet.Set(Graphics, 6, 0x9); puppet.Scatter(0xB000, 0, 0x7000, 3); }),
                ("at A0000 and B0000", puppet => { puppet.Set(Graphics, 6, 0x1); puppet.Scatter(0xA000, 0, 0xF000, 3); puppet.Scatter(0xB000, 0, 0xF000, 4); }),
                ("off", puppet => { puppet.In(0x3DA); puppet.Out(0x3C0, 0); }),
                ("screen off", puppet => puppet.Set(Sequencer, 1, 0x21)),
            ];
            foreach ((string name, Action<Puppet> commands) in steps)
            {
                await Show($"mode {mode:X}, {name}", puppet =>
                {
                    Mode(puppet, 3);
                    Mode(puppet, mode);
                    Noise(puppet, mode);
                    commands(puppet);
                });
            }
        }
    });

    [Theory]
    [InlineData(3)]
    [InlineData(0x12)]
    [InlineData(0x13)]
    public async Task Whatever_the_registers_say(ushort mode) => await Compare(async () =>
    {
        var random = new TestRandom(mode);
        for (var i = 0; i < 32; i++)
        {
            (ushort Port, byte Index, byte Value)[] writes = [.. Enumerable.Range(0, 1 + (i / 5)).Select(_ => Any(random, mode == 3))];
            await Show($"mode {mode:X}, {i}: {string.Join(' ', writes.Select(write => $"{write.Port:X}.{write.Index:X}={write.Value:X}"))}", puppet =>
            {
                Mode(puppet, mode);
                Noise(puppet, mode);
                foreach ((ushort port, byte index, byte value) in writes)
                {
                    if (port == Attribute) Register(puppet, false, index, value);
                    else puppet.Set(port, index, value);
                }

                Noise(puppet, mode);
            });
        }
    });

    /// <summary>
    /// But what QEMU does not draw as the hardware does: blinking; more than 16000 cells; a split in text, or in the middle of a row; CGA's and Hercules' rows with other row scan counters.
    /// </summary>
    private static (ushort Port, byte Index, byte Value) Any(TestRandom random, bool text)
    {
        var value = (byte)random.Next(256);
        switch (random.Next(4))
        {
            case 0: return (Sequencer, (byte)random.Next(1, 5), (byte)(value & 0xDF));
            case 1:
                var index = (byte)random.Next(9);
                return (Graphics, index, (byte)(index != 6 ? value : text ? value & ~1 : value | 1));
            case 2: return (Attribute, (byte)random.Next(0x13), (byte)(value & 0xF7));
            default:
                (byte Index, byte Bits, byte Set)[] registers = text
                    ? [(9, 0x1C, 0x43), (0xC, 0xFF, 0), (0xD, 0xFF, 0), (0x12, 0xFF, 0), (0x13, 0xFF, 0), (0x14, 0xFF, 0), (0x17, 0xFF, 0)]
                    : [(9, 0xFF, 0), (0xC, 0xFF, 0), (0xD, 0xFF, 0), (0x12, 0xFF, 0), (0x13, 0xFF, 0), (0x14, 0xFF, 0), (0x17, 0xFC, 3)];
                var register = registers[random.Next(registers.Length)];
                return (Crtc, register.Index, (byte)((value & register.Bits) | register.Set));
        }
    }

    private static void Mode(Puppet puppet, ushort mode)
    {
        puppet.Bios(mode);
        puppet.Bios(0x0100, cx: 0x2000); // no cursor
        if (mode is < 4 or 7) puppet.Bios(0x1003); // no blinking
    }

    /// <summary>In text no characters B0h-BFh, which QEMU draws nine dots wide, and no underlined ones, which it draws without.</summary>
    private static void Noise(Puppet puppet, ushort mode)
    {
        ushort segment = mode switch { < 7 => 0xB800, 7 => 0xB000, _ => 0xA000 };
        puppet.Scatter(segment, 0x40, (ushort)(mode < 8 ? 0x3000 : 0xFF00), (ushort)(mode * 77), (byte)(mode is < 4 or 7 ? 0xDF : 0xFF), (byte)(mode == 7 ? 2 : 0));
    }

    private static void Vbe(Puppet puppet, ushort index, ushort value)
    {
        puppet.OutWord(0x1CE, index);
        puppet.OutWord(0x1CF, value);
    }

    /// <summary>A register of the attribute controller; the screen stays on.</summary>
    private static void Register(Puppet puppet, bool mono, byte index, byte value)
    {
        puppet.In((ushort)(mono ? 0x3BA : 0x3DA));
        puppet.Out(Attribute, (byte)(index | 0x20));
        puppet.Out(Attribute, value);
    }

    private static void Split(Puppet puppet, int line, byte doubled)
    {
        puppet.Set(Crtc, 0x18, (byte)line);
        puppet.Set(Crtc, 0x11, 0x0E);
        puppet.Set(Crtc, 7, (byte)(0x0F | (line >> 4 & 0x10)));
        puppet.Set(Crtc, 9, (byte)((line >> 3 & 0x40) | doubled));
    }

    private async Task Show(string name, Action<Puppet> commands, bool blinks = false)
    {
        foreach (Puppet puppet in (Puppet[])[_here!, _qemu!]) commands(puppet);
        await Task.WhenAll(_here!.Do(), _qemu!.Do());
        byte[][] here = await Pictures(_here, blinks), theirs = await Pictures(_qemu, blinks);
        if (here.Length != theirs.Length) _differences.Add($"{name}: QEMU has {theirs.Length} pictures, here {here.Length}");
        else
            for (var i = 0; i < here.Length; i++)
                if (!here[i].AsSpan().SequenceEqual(theirs[i])) _differences.Add($"{name}: {Difference(theirs[i], here[i])}");
        if (!_here.Answers.SequenceEqual(_qemu.Answers)) _differences.Add($"{name}: other answers");
    }

    /// <summary>One picture; or the different ones of a second and a half, in an order that does not depend on which came first.</summary>
    private static async Task<byte[][]> Pictures(Puppet puppet, bool blinks)
    {
        var pictures = new List<byte[]> { await puppet.Picture() };
        for (var i = 0; blinks && pictures.Count < 2 && i < 15; i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            byte[] next = await puppet.Picture();
            if (!pictures[0].AsSpan().SequenceEqual(next)) pictures.Add(next);
        }

        return [.. pictures.OrderBy(picture => picture.Sum(value => (long)value))];
    }

    private async Task Compare(Func<Task> steps)
    {
        using TemporaryFolder folder = Assets.Folder();
        string[] options = Puppet.Options(folder);
        await using Puppet here = Puppet.On(Emulator.Rhea(options)), qemu = Puppet.On(Emulator.Qemu(options));
        (_here, _qemu) = (here, qemu);
        await steps();
        Assert.True(_differences.Count == 0, $"{_differences.Count} pictures differ:\n{string.Join('\n', _differences)}");
    }

    private static string Difference(byte[] theirs, byte[] here)
    {
        (int width, int height, int at) = Header(theirs);
        if ((width, height, at) != Header(here)) return $"QEMU {width}x{height}, here {Header(here)}";
        int[] pixels = [.. Enumerable.Range(0, width * height).Where(i => !theirs.AsSpan(at + (i * 3), 3).SequenceEqual(here.AsSpan(at + (i * 3), 3)))];
        IEnumerable<string> some = pixels.Take(6).Append(pixels[^1]).Select(i => $"({i % width},{i / width}) QEMU {Convert.ToHexString(theirs, at + (i * 3), 3)} here {Convert.ToHexString(here, at + (i * 3), 3)}");
        return $"{width}x{height}, {pixels.Length} pixels: {string.Join(", ", some)}";
    }

    private static (int Width, int Height, int Pixels) Header(byte[] ppm)
    {
        string[] words = System.Text.Encoding.ASCII.GetString(ppm, 0, Math.Min(ppm.Length, 32)).Split(' ', '\n');
        return (int.Parse(words[1], null), int.Parse(words[2], null), words.Take(4).Sum(word => word.Length + 1));
    }
}

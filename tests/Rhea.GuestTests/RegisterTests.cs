using Xunit;

namespace Rhea.GuestTests;

/// <summary>What every register says after a reset and after accesses without a plan, compared with Debian's QEMU. Fixed seeds.</summary>
public class RegisterTests
{
    private const int Steps = 3000;

    /// <summary>Who answers where: a byte from each port.</summary>
    [Fact]
    public async Task Every_port_answers_as_in_qemu()
    {
        var script = new RegisterScript();
        for (uint port = 0; port < 0x1_0000; port++)
        {
            if (port is 0x5658) continue; // a processor's registers are its arguments
            if (port is 0x09 or 0x0F or 0xD2 or 0xD3 or 0xDE or 0xDF) continue; // the 8237's mask, which QEMU has at another place than the data sheet
            if (port is 0xCFA or 0xCFB) continue; // parts of the PCI address, which is a doubleword and nothing else
            script.In(port);
        }

        await Agree(script, "-parallel", "null", "-serial", "null", "-serial", "null");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Pci_configuration(int size)
    {
        var script = new RegisterScript();
        for (var function = 0; function < 0x80; function++)
            for (var register = 0; register < 0x100; register += size) script.ReadConfig(function, register, size);
        await Agree(script, Cards);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(8, 2)]
    [InlineData(9, 3)]
    [InlineData(0xB, 4)]
    [InlineData(0x10, 5)]
    [InlineData(0x18, 6)]
    [InlineData(0x20, 7)]
    [InlineData(0x28, 8)]
    [InlineData(0x30, 9)]
    [InlineData(0x38, 10)]
    [InlineData(0x40, 11)]
    public async Task Pci_configuration_takes_what_it_takes(int function, int seed)
    {
        var random = new TestRandom((ulong)seed);
        var script = new RegisterScript();
        for (var i = 0; i < Steps; i++)
        {
            int size = 1 << random.Next(3), register = random.Next(0x100) & -size;
            if (IsOdd(function, register & ~3)) continue;
            script.WriteConfig(function, register, (uint)Value(random), size);
            foreach (int back in (int[])[0, 4, 8])
                if (!IsOdd(function, (register & ~3) + back)) script.ReadConfig(function, (register & ~3) + back & 0xFC);
        }

        await Agree(script, Cards);
    }

    /// <summary>Where QEMU is not the hardware: no lock in SMRAM control; a BAR with too few address bits; a watchdog's registers with other widths than their own.</summary>
    private static bool IsOdd(int function, int register) => (function, register) is (0, 0x70) or (0x28, 0x10) or (0x30, 0x60 or 0x68);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Registers(string name)
    {
        Device device = Devices.First(device => device.Name == name);
        var random = new TestRandom((ulong)name.Sum(letter => letter));
        var script = new RegisterScript();
        device.Prepare(script);
        for (var i = 0; i < Steps; i++)
        {
            Place place = device.Places[random.Next(device.Places.Length)];
            uint at = place.First + (uint)random.Next((int)(place.Last - place.First + 1));
            int size = place.Sizes[random.Next(place.Sizes.Length)];
            at &= ~(uint)(size - 1);
            bool memory = at >= 0x1_0000;
            if (random.Next(2) == 0 || place.Allowed is null)
            {
                if (memory) script.Read(at, size);
                else script.In(at, size);
            }
            else if (place.Allowed(at, (uint)Value(random)) is { } value)
            {
                if (memory) script.Write(at, value, size);
                else script.Out(at, value, size);
                device.After(script, at);
            }
        }

        await Agree(script, device.Options);
    }

    public static TheoryData<string> Names => [.. Devices.Select(device => device.Name)];

    private static readonly string[] Cards =
    [
        "-device", "pci-testdev,addr=3", "-device", "edu,addr=4", "-device", "pvpanic-pci,addr=5", "-device", "i6300esb,addr=6", "-device", "pci-serial,addr=7",
        "-device", "pci-bridge,addr=8,chassis_nr=1,shpc=off",
    ];

    private static readonly Func<uint, uint, uint?> Anything = (_, value) => value;

    private static readonly Device[] Devices =
    [
        new("interrupt controllers", [new(0x20, 0x21), new(0xA0, 0xA1), new(0x4D0, 0x4D1)]),
        new("timer", [new(0x40, 0x42), new(0x43, 0x43) { Allowed = (_, value) => (value & 0xC0) != 0xC0 && (value & 0x30) != 0 && (value & 0xC) == 0xC ? null : value }, // modes 6 and 7 are 0 in QEMU
            new(0x61, 0x61) { Allowed = (_, value) => value & 3 }]),
        new("dma", [new(0x00, 0x08), new(0x0A, 0x0E), new(0x80, 0x8F), new(0xC0, 0xD1), new(0xD4, 0xDD), new(0x480, 0x48F)]), // QEMU has the mask at another place
        new("clock", [new(0x70, 0x70) { Allowed = (_, value) => (value & 0x7F) is < 0xA or 0x32 or 0x37 ? null : value }, new(0x71, 0x71)])
        {
            Prepare = script => script.Out(0x70, 0xF),
        },
        new("keyboard controller", [new(0x60, 0x60), new(0x64, 0x64) { Allowed = (_, value) => value is 0xD1 or >= 0xF0 ? null : value }]),
        new("serial port", [new(0x3F8, 0x3FF)]) { Options = ["-serial", "null"] },
        new("serial ports of all four", [new(0x3F8, 0x3FF), new(0x2F8, 0x2FF), new(0x3E8, 0x3EF), new(0x2E8, 0x2EF)])
        {
            Options =
            [
                "-serial", "none", "-chardev", "null,id=a", "-chardev", "null,id=b", "-chardev", "null,id=c", "-chardev", "null,id=d", "-device", "isa-serial,chardev=a",
                "-device", "isa-serial,chardev=b", "-device", "isa-serial,chardev=c", "-device", "isa-serial,chardev=d",
            ],
        },
        new("serial ports at odd places", [new(0x1230, 0x1237), new(0xC000, 0xC007)])
        {
            Options = ["-chardev", "null,id=a", "-chardev", "null,id=b", "-device", "isa-serial,chardev=a,iobase=0x1230,irq=5", "-device", "pci-serial,chardev=b,addr=3"],
            Prepare = script =>
            {
                script.WriteConfig(0x18, 0x10, 0xC000);
                script.WriteConfig(0x18, 4, 1, 2);
            },
        },
        new("parallel ports by -device", [new(0x378, 0x37F), new(0x278, 0x27F), new(0x3BC, 0x3BF)])
        {
            Options = ["-parallel", "none", "-chardev", "null,id=a", "-chardev", "null,id=b", "-device", "isa-parallel,chardev=a", "-device", "isa-parallel,chardev=b"],
        },
        new("pvpanic on PCI", [new(0xE000_0000, 0xE000_0000)]) { Options = ["-device", "pvpanic-pci,addr=3", "-action", "panic=none"], Prepare = script => Map(script) },
        new("parallel port", [new(0x378, 0x37F) { Sizes = [1, 1, 1, 2] }]) { Options = ["-parallel", "null"] },
        new("floppy controller", [new(0x3F0, 0x3F5), new(0x3F7, 0x3F7)]),
        new("VGA", [new(0x3B0, 0x3DF), new(0x1CE, 0x1D0) { Sizes = [2, 1] }]),
        new("IDE", [new(0x1F1, 0x1F6), new(0x171, 0x176), new(0x1F7, 0x1F7) { Allowed = null }, new(0x177, 0x177) { Allowed = null }, new(0x376, 0x376) { Allowed = (_, value) => value & ~4u }, new(0x3F6, 0x3F6) { Allowed = (_, value) => value & ~4u }])
        {
            After = (script, at) => { if (at is 0x376 or 0x3F6) script.Await(at, 0x80, 0); },
        },
        new("power management", [new(0x600, 0x605) { Sizes = [2], Allowed = (at, value) => at == 0x604 ? value & ~0x2000u : value }, new(0x608, 0x608) { Sizes = [4] }, new(0x60C, 0x63F) { Sizes = [1, 2, 4] }, new(0xB2, 0xB3)])
        {
            Prepare = script =>
            {
                script.WriteConfig(0xB, 0x40, 0x601);
                script.WriteConfig(0xB, 0x80, 1);
            },
        },
        new("SMBus",
        [
            new(0x700, 0x700) { Allowed = (_, value) => value | 0x80 }, new(0x700, 0x70F),
            new(0x702, 0x702) { Allowed = (_, value) => (value | 0x40) & ~2u }, new(0x702, 0x702) { Allowed = (_, value) => value & ~2u | 0x54 }, // KILL leaves QEMU's bus occupied
            new(0x704, 0x704) { Allowed = (_, value) => 0xA0 | (value & 1) }, new(0x705, 0x706) { Allowed = (_, value) => value & 0x27 }, new(0x707, 0x707),
        ])
        {
            Prepare = script =>
            {
                script.WriteConfig(0xB, 0x90, 0x701);
                script.WriteConfig(0xB, 0xD2, 9, 1);
                script.Out(0x704, 0xA0);
            },
        },
        new("hot plug", [new(0xAE00, 0xAE17) { Sizes = [1, 2, 4] }, new(0xAF00, 0xAF1F), new(0xAFE0, 0xAFE3)]),
        new("HPET", [new(0xFED0_0000, 0xFED0_015F) { Sizes = [4, 8], Allowed = (at, value) => (at & 0x11F) == 0x100 ? value & ~0x4000u : value }]),
        new("IOAPIC", [new(0xFEC0_0000, 0xFEC0_003F) { Sizes = [4] }]),
        new("pvpanic", [new(0x505, 0x505)]) { Options = ["-device", "pvpanic", "-action", "panic=none"] },
        new("ib700", [new(0x440, 0x447)]) { Options = ["-device", "ib700"] },
        new("i6300esb", [new(0xE000_0000, 0xE000_000F) { Sizes = [1, 2, 4] }]) { Options = ["-device", "i6300esb,addr=3"], Prepare = script => Map(script) },
        new("edu", [new(0xE000_0000, 0xE000_009F) { Sizes = [4, 8], Allowed = (at, value) => (at & ~4) == 0xE000_0008 ? null : value }]) { Options = ["-device", "edu,addr=3"], Prepare = script => Map(script) },
        new("pci-testdev", [new(0xE000_0000, 0xE000_081F) { Sizes = [1, 2, 4] }, new(0xC000, 0xC09F) { Sizes = [1, 2, 4] }])
        {
            Options = ["-device", "pci-testdev,addr=3"],
            Prepare = script => Map(script),
        },
        new("pc-testdev", [new(0xE0, 0xEB) { Sizes = [1, 2, 4] }, new(0xFF00_0000, 0xFF00_000F) { Sizes = [1, 2, 4] }, new(0x2000, 0x200F)]) { Options = ["-device", "pc-testdev"] },
        new("VAPIC", [new(0x7E, 0x7F) { Sizes = [1, 2] }]),
        new("system", [new(0x92, 0x92) { Allowed = (_, value) => value & ~1u }, new(0xCF8, 0xCF8) { Sizes = [4] }, new(0xCF9, 0xCF9) { Allowed = (_, value) => value & ~4u }, new(0xF0, 0xF1), new(0x510, 0x511) { Allowed = null }]),
        new("debug console", [new(0xE9, 0xE9)]) { Options = ["-debugcon", "null"] },
    ];

    private static async Task Agree(RegisterScript script, params string[] options)
    {
        string differences = await script.Differences(options);
        Assert.True(differences.Length == 0, differences);
    }

    private static ulong Value(TestRandom random) => random.Next(5) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        2 => 1UL << random.Next(32),
        _ => random.Next(),
    };

    /// <summary>The first memory of the card in slot 3 to E0000000h, the second, of ports, to C000h.</summary>
    private static void Map(RegisterScript script)
    {
        script.WriteConfig(0x18, 0x10, 0xE000_0000);
        script.WriteConfig(0x18, 0x14, 0xC000);
        script.WriteConfig(0x18, 4, 3, 2);
    }

    private sealed record Device(string Name, Place[] Places)
    {
        public string[] Options { get; init; } = [];

        public Action<RegisterScript> Prepare { get; init; } = _ => { };

        /// <summary>After a write.</summary>
        public Action<RegisterScript, uint> After { get; init; } = (_, _) => { };
    }

    /// <summary>Ports, or memory from 10000h on, and what may be written there: null is nothing.</summary>
    private sealed record Place(uint First, uint Last)
    {
        public int[] Sizes { get; init; } = [1];

        public Func<uint, uint, uint?>? Allowed { get; init; } = Anything;
    }
}

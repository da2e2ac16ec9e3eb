using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Rhea.Boards;
using Rhea.Boards.Firmware.Acpi;
using Rhea.Devices.Storage;
using Xunit;

namespace Rhea.Tests.Boards.Firmware.Acpi;

public sealed class AcpiTablesTests : IDisposable
{
    private const uint TablesAt = 0x07FE_0000, RsdpAt = 0x000F_5A00;

    private static readonly AcpiPlatform Small = new() { Ram = RamSplit.Of(128 << 20), Processors = [new(0, true)] };

    private static readonly AcpiPlatform Large = new()
    {
        Ram = RamSplit.Of(5UL << 30),
        Processors = [.. Enumerable.Range(0, 16).Select(id => new AcpiProcessor((byte)id, id < 4))],
        SerialPorts = [true, true, true, true],
        ParallelPort = true,
        Floppies = (FloppyType.Inch3M144, FloppyType.Inch3M288),
        FixedPciSlots = [0, 1],
    };

    private static readonly AcpiPlatform Bare = new()
    {
        Ram = RamSplit.Of(16 << 20),
        Processors = [new(0, true)],
        Hpet = false,
        I8042 = false,
        S3 = false,
        S4 = false,
    };

    private readonly string _directory = Directory.CreateTempSubdirectory("rhea-acpi-").FullName;

    public static TheoryData<string> Machines => ["small", "large", "bare"];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Intel's compiler takes what its disassembler makes of every table, without error or warning.</summary>
    [Theory, MemberData(nameof(Machines))]
    public void Iasl_accepts_every_table(string machine)
    {
        if (!File.Exists("/usr/bin/iasl")) Assert.Skip("iasl (package acpica-tools) is not installed");
        foreach ((string signature, byte[] table) in Placed(machine).Tables)
        {
            string aml = Path.Combine(_directory, signature + ".aml"), dsl = Path.Combine(_directory, signature + ".dsl");
            File.WriteAllBytes(aml, table);

            string disassembled = Iasl("-d", aml);
            string compiled = Iasl("-tc", dsl);

            Assert.DoesNotContain("Error", disassembled, StringComparison.Ordinal);
            Assert.DoesNotContain("Warning", disassembled, StringComparison.Ordinal);
            Assert.Contains("0 Errors", compiled, StringComparison.Ordinal);
            Assert.True(signature != "DSDT" || compiled.Contains("0 Warnings", StringComparison.Ordinal), compiled);
        }
    }

    [Theory, MemberData(nameof(Machines))]
    public void Every_table_sums_to_zero_once_loaded(string machine)
    {
        Loaded loaded = Placed(machine);

        Assert.Equal(0, Sum(loaded.Rsdp));
        Assert.All(loaded.Tables.Where(table => table.Signature != "FACS"), table => Assert.Equal(0, Sum(table.Bytes)));
    }

    [Fact]
    public void The_root_pointer_leads_to_all_tables()
    {
        Loaded loaded = Placed("small");

        Assert.Equal(["FACP", "APIC", "HPET", "WAET"], loaded.Listed);
        byte[] fadt = loaded.Table("FACP");
        Assert.Equal("FACS", loaded.SignatureAt(DWord(fadt, 36)));
        Assert.Equal("DSDT", loaded.SignatureAt(DWord(fadt, 40)));
        Assert.Equal(0u, DWord(fadt, 36) % 64);
    }

    [Fact]
    public void A_machine_without_hpet_has_no_table_of_it() => Assert.Equal(["FACP", "APIC", "WAET"], Placed("bare").Listed);

    /// <summary>The table of a QEMU 7.2.22 of the same shape, after SeaBIOS has placed the ports at 600h.</summary>
    [Fact]
    public void The_fixed_description_is_that_of_qemu()
    {
        byte[] fadt = Placed("small").Table("FACP");

        Assert.Equal("01000900b2000000f1f000000006000000000000040600000000000000000000080600" + "00e0af000000000000040200040400" + "0000"
            + "ff0fff0f000000000000000032000000a5800000", Convert.ToHexStringLower(fadt.AsSpan(44)));
    }

    /// <summary>Likewise, with one processor.</summary>
    [Fact]
    public void The_interrupt_controllers_are_those_of_qemu() => Assert.Equal(
        "0000e0fe01000000" + "0008000001000000" + "010c00000000c0fe00000000" + "020a0000020000000000" + "020a0005050000000d00"
        + "020a0009090000000d00" + "020a000a0a0000000d00" + "020a000b0b0000000d00" + "0406ff000001",
        Convert.ToHexStringLower(Placed("small").Table("APIC").AsSpan(36)));

    [Fact]
    public void Places_for_processors_that_are_not_there_are_disabled()
    {
        ReadOnlySpan<byte> madt = Placed("large").Table("APIC");

        Assert.Equal("0008030301000000" + "0008040400000000", Convert.ToHexStringLower(madt.Slice(36 + 8 + (3 * 8), 16)));
    }

    [Fact]
    public void More_processors_than_the_flat_model_can_name_need_the_cluster_model() =>
        Assert.Equal(0x0004_80A5u, DWord(Placed("large").Table("FACP"), 112));

    private static Loaded Placed(string machine)
    {
        var made = new AcpiTables(machine switch { "small" => Small, "large" => Large, _ => Bare });
        return new Loaded(made.Tables, made.Rsdp, made.Loader);
    }

    private static string Iasl(string option, string file)
    {
        using var process = Process.Start(new ProcessStartInfo("iasl", [option, file]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return output;
    }

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum += value;
        return sum;
    }

    private static uint DWord(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    /// <summary>What firmware does with the script, and then an operating system with the root pointer.</summary>
    private sealed class Loaded
    {
        private readonly byte[] _tables;

        public Loaded(byte[] tables, byte[] rsdp, byte[] script)
        {
            (_tables, Rsdp) = (tables, rsdp);
            for (var at = 0; at < script.Length; at += 128) Run(script.AsSpan(at, 128));
        }

        public byte[] Rsdp { get; }

        public IEnumerable<string> Listed
        {
            get
            {
                byte[] rsdt = At(DWord(Rsdp, 16));
                for (var at = 36; at < rsdt.Length; at += 4) yield return SignatureAt(DWord(rsdt, at));
            }
        }

        public IEnumerable<(string Signature, byte[] Bytes)> Tables
        {
            get
            {
                for (uint at = TablesAt; at < TablesAt + _tables.Length; at += (uint)At(at).Length) yield return (SignatureAt(at), At(at));
            }
        }

        public byte[] Table(string signature) => Tables.Single(table => table.Signature == signature).Bytes;

        public string SignatureAt(uint address) => Encoding.ASCII.GetString(At(address), 0, 4);

        private byte[] At(uint address)
        {
            var offset = (int)(address - TablesAt);
            return _tables[offset..(offset + (int)DWord(_tables, offset + 4))];
        }

        private void Run(Span<byte> command)
        {
            byte[] file = Name(command[4..]) == "etc/acpi/rsdp" ? Rsdp : _tables;
            switch (DWord(command, 0))
            {
                case 2:
                    Assert.Equal("etc/acpi/tables", Name(command[60..]));
                    Span<byte> pointer = file.AsSpan((int)DWord(command, 116), 4);
                    BinaryPrimitives.WriteUInt32LittleEndian(pointer, DWord(pointer, 0) + TablesAt);
                    break;
                case 3:
                    file[DWord(command, 60)] -= (byte)Sum(file.AsSpan((int)DWord(command, 64), (int)DWord(command, 68)));
                    break;
                default:
                    Assert.Equal(1u, DWord(command, 0));
                    Assert.Equal(0u, (file == Rsdp ? RsdpAt : TablesAt) % DWord(command, 60));
                    break;
            }
        }

        private static string Name(ReadOnlySpan<byte> name) => Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]);
    }
}

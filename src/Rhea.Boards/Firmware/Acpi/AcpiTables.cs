using System.Buffers.Binary;
using System.Text;
using Rhea.Devices.Chipset;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>All tables of a machine as three files: the tables, the root pointer, and the script that places both.</summary>
/// <remarks>ACPI 1.0 tables, as QEMU's i440FX PC has them; identification is QEMU's too, for guests that look for it.</remarks>
public sealed class AcpiTables
{
    private const int HeaderLength = 36, FacsLength = 64, ChecksumOffset = 9, RsdpLength = 20, RsdpChecksum = 8, RsdtInRsdp = 16;
    private const uint FacsAlignment = 64, RsdpAlignment = 16;
    private const byte Revision = 1;
    private const ushort SmiCommand = 0xB2, Gpe0 = 0xAFE0;
    private const byte AcpiEnable = 0xF1, AcpiDisable = 0xF0, Sci = 9, Century = 0x32;
    private const ushort NoC2 = 0xFFF, NoC3 = 0xFFF; // latencies, in microseconds, too long to be used
    private const uint WbInvd = 1 << 0, AllHaveC1 = 1 << 2, NoSleepButton = 1 << 5, RtcWakesS4 = 1 << 7, PlatformClock = 1 << 15, ClusterModel = 1 << 18;
    private const int LogicalApicIds = 8; // what the flat model of interrupt destinations can name

    private readonly List<byte> _tables = [];
    private readonly TableLoader _loader = new();

    /// <param name="platform">The machine.</param>
    public AcpiTables(AcpiPlatform platform)
    {
        _loader.Allocate(FwCfg.AcpiRsdp, RsdpAlignment, LoaderZone.FSegment);
        _loader.Allocate(FwCfg.AcpiTables, FacsAlignment, LoaderZone.High);
        int facs = AddFacs();
        int dsdt = Add("DSDT", Dsdt.Build(platform).Bytes);
        List<int> listed =
        [
            AddFadt(platform, facs, dsdt),
            Add("APIC", Madt.Build(platform.Processors)),
            .. platform.Hpet ? [Add("HPET", Hpet())] : Array.Empty<int>(),
            Add("WAET", [2, 0, 0, 0]), // the PM timer needs one read only
        ];
        int rsdt = Add("RSDT", new byte[listed.Count * sizeof(uint)], [.. listed.Select((table, i) => (i * sizeof(uint), table))]);
        Rsdp = BuildRsdp(rsdt);
    }

    public byte[] Tables => [.. _tables];

    public byte[] Rsdp { get; }

    public byte[] Loader => _loader.Build();

    /// <summary>The firmware control structure: the one without a header. Firmware and system share a lock in it.</summary>
    private int AddFacs()
    {
        int at = _tables.Count;
        var facs = new byte[FacsLength];
        Encoding.ASCII.GetBytes("FACS", facs);
        BinaryPrimitives.WriteInt32LittleEndian(facs.AsSpan(4), FacsLength);
        _tables.AddRange(facs);
        return at;
    }

    /// <summary>Adds header and body, and has the loader fill in the pointers (offset in the body, offset of the target) and the checksum.</summary>
    private int Add(string signature, byte[] body, params (int Offset, int Target)[] pointers)
    {
        int at = _tables.Count;
        var table = new byte[HeaderLength + body.Length];
        Encoding.ASCII.GetBytes(signature, table);
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(4), table.Length);
        table[8] = Revision;
        Encoding.ASCII.GetBytes("BOCHS BXPC    ", table.AsSpan(10));
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(24), 1);
        Encoding.ASCII.GetBytes("BXPC", table.AsSpan(28));
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(32), 1);
        body.CopyTo(table, HeaderLength);
        foreach ((int offset, int target) in pointers)
        {
            BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(HeaderLength + offset), target);
            _loader.AddPointer(FwCfg.AcpiTables, (uint)(at + HeaderLength + offset), FwCfg.AcpiTables);
        }

        _tables.AddRange(table);
        _loader.AddChecksum(FwCfg.AcpiTables, (uint)(at + ChecksumOffset), (uint)at, (uint)table.Length);
        return at;
    }

    /// <summary>The fixed description: ports of the PIIX4, and a power button that is a fixed feature. ACPI 1.0, 5.2.5.</summary>
    private int AddFadt(AcpiPlatform platform, int facs, int dsdt)
    {
        uint flags = WbInvd | AllHaveC1 | NoSleepButton | RtcWakesS4 | PlatformClock;
        if (platform.Processors.Count > LogicalApicIds) flags |= ClusterModel;
        var body = new byte[80];
        body[8] = 1; // interrupt model: PICs, with APICs beside them
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(10), Sci);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(12), SmiCommand);
        (body[16], body[17]) = (AcpiEnable, AcpiDisable);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(20), platform.PowerManagementPorts);             // PM1a event
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(28), (uint)platform.PowerManagementPorts + 4);   // PM1a control
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(40), (uint)platform.PowerManagementPorts + 8);   // PM timer
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(44), Gpe0);
        (body[52], body[53], body[55], body[56]) = (4, 2, 4, 4); // their lengths
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(60), NoC2);
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(62), NoC3);
        body[72] = Century;
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(76), flags);
        return Add("FACP", body, (0, facs), (4, dsdt));
    }

    private static byte[] Hpet() =>
        [0x01, 0xA2, 0x86, 0x80, 0, 0, 0, 0, 0x00, 0x00, 0xD0, 0xFE, 0, 0, 0, 0, 0, 0, 0, 0]; // id, address of its registers, number, period

    private byte[] BuildRsdp(int rsdt)
    {
        var rsdp = new byte[RsdpLength];
        Encoding.ASCII.GetBytes("RSD PTR ", rsdp);
        Encoding.ASCII.GetBytes("BOCHS ", rsdp.AsSpan(9));
        BinaryPrimitives.WriteInt32LittleEndian(rsdp.AsSpan(RsdtInRsdp), rsdt);
        _loader.AddPointer(FwCfg.AcpiRsdp, RsdtInRsdp, FwCfg.AcpiTables);
        _loader.AddChecksum(FwCfg.AcpiRsdp, RsdpChecksum, 0, RsdpLength);
        return rsdp;
    }
}

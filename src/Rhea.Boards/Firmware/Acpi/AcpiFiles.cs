using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;
using Rhea.Devices.Chipset;

namespace Rhea.Boards.Firmware.Acpi;

/// <summary>The ACPI files in fw_cfg. They are made when firmware first asks after a reset: only then has it placed the ports they name.</summary>
/// <remarks>They lie in RAM blocks of QEMU's names and sizes, because its stream carries them.</remarks>
public sealed class AcpiFiles : Device
{
    private const int TablesLength = 128 << 10, LoaderLength = 4 << 10, RsdpLength = 20, Page = 4 << 10;

    private readonly Func<AcpiPlatform> _platform;
    private readonly RamBlock _tables, _loader, _rsdp;
    private bool _built;

    /// <param name="platform">Asked each time the tables are made.</param>
    public AcpiFiles(IsaSlot slot, FwCfg fwCfg, Func<AcpiPlatform> platform)
    {
        _platform = platform;
        _tables = slot.AddRam("/rom@" + FwCfg.AcpiTables, TablesLength);
        _loader = slot.AddRam("/rom@" + FwCfg.AcpiLoader, LoaderLength);
        _rsdp = slot.AddRam("/rom@" + FwCfg.AcpiRsdp, Page);
        fwCfg.AddFile(FwCfg.AcpiTables, _tables, TablesLength, Build);
        fwCfg.AddFile(FwCfg.AcpiLoader, _loader, LoaderLength, Build);
        fwCfg.AddFile(FwCfg.AcpiRsdp, _rsdp, RsdpLength, Build);
    }

    public override StructType Section { get; } = new("acpi_build", 1);

    public override void Reset() => _built = false;

    public override void Visit(StateVisitor state) => state.UInt8("patched", ref _built);

    private void Build()
    {
        if (_built) return;
        var made = new AcpiTables(_platform());
        Write(_tables, made.Tables);
        Write(_loader, made.Loader);
        Write(_rsdp, made.Rsdp);
        _built = true;
    }

    private static void Write(RamBlock block, byte[] bytes)
    {
        Span<byte> room = block.Span(0, (int)block.Length);
        bytes.CopyTo(room);
        room[bytes.Length..].Clear();
        block.MarkWritten(0, room.Length);
    }
}

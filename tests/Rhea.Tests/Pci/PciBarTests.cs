using Rhea.Core.Io;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Host;
using Rhea.Tests.Devices;
using Xunit;

namespace Rhea.Tests.Pci;

public sealed class PciBarTests : IDisposable
{
    private const int Command = 0x04, Bar0 = 0x10, Bar1 = 0x14, Bar2 = 0x18, Rom = 0x30;

    private readonly PcBench _pc = new();
    private readonly PciFunction _function;
    private readonly RamBlock _rom = new("rom", 0x1000, new HostRam());

    public PciBarTests()
    {
        _rom.Span(0, 2)[0] = 0x55;
        _function = _pc.PciSlot().Plug(new PciIdentity(0x1234, 0x5678, 0, 0x0100, 0, 0));
        _function.AddMemoryBar(0, 0x1_0000_0000, Registers(0x11), PciBarKind.Wide | PciBarKind.Prefetchable);
        _function.AddPortBar(2, new IoRegion("ports", 0x20, AccessSizes.Byte, (_, _) => 0x42, (_, _, _) => { }));
        _function.AddRom(_rom);
        _function.Reset();
    }

    public void Dispose() => _rom.Dispose();

    [Fact]
    public void Sizing_shows_size_and_kind_in_the_bits_that_stay()
    {
        foreach (int register in new[] { Bar0, Bar1, Bar2, Rom }) _pc.WriteConfig(register, 4, 0xFFFF_FFFF);

        Assert.Equal((0x0000_000Cu, 0xFFFF_FFFFu), (_pc.ReadConfig(Bar0, 4), _pc.ReadConfig(Bar1, 4)));
        Assert.Equal((0xFFFF_FFE1u, 0xFFFF_F001u), (_pc.ReadConfig(Bar2, 4), _pc.ReadConfig(Rom, 4)));
    }

    [Fact]
    public void All_ones_are_never_decoded()
    {
        _pc.WriteConfig(Command, 2, 3);

        foreach (int register in new[] { Bar0, Bar1, Bar2, Rom }) _pc.WriteConfig(register, 4, 0xFFFF_FFFF);

        Assert.All(_function.Bars, bar => Assert.Null(bar.Address));
        Assert.DoesNotContain(_pc.Memory.Map.Entries, entry => true);
    }

    [Fact]
    public void A_wide_bar_lies_above_four_gibibytes()
    {
        _pc.WriteConfig(Bar0, 4, 0);
        _pc.WriteConfig(Bar1, 4, 0x80);
        _pc.WriteConfig(Command, 2, 2);

        Assert.Equal(0x11u, _pc.Memory.Read(0x80_0000_0000, 1));
        Assert.Equal(0x80_0000_0000ul, _function.Bars.First().Address);
    }

    [Fact]
    public void A_wide_bar_beyond_physical_memory_is_not_decoded()
    {
        _pc.WriteConfig(Command, 2, 2);

        _pc.WriteConfig(Bar1, 4, 0x7FFF_FFFF);

        Assert.Null(_function.Bars.First().Address);
    }

    [Fact]
    public void A_rom_wants_its_own_switch_beside_memory_space()
    {
        _pc.WriteConfig(Rom, 4, 0xFEB0_0000);
        _pc.WriteConfig(Command, 2, 2);
        Assert.Equal(0xFFu, _pc.Memory.Read(0xFEB0_0000, 1));

        _pc.WriteConfig(Rom, 4, 0xFEB0_0001);
        _pc.Memory.Write(0xFEB0_0000, 1, 0);

        Assert.Equal(0x55u, _pc.Memory.Read(0xFEB0_0000, 1));
    }

    private static MemoryRegion Registers(ulong value) =>
        MemoryRegion.Io(new IoRegion("registers", 0x1000, AccessSizes.Byte, (_, _) => value, (_, _, _) => { }));
}

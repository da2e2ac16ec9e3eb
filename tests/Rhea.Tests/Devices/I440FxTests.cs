using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Devices.Chipset;
using Rhea.Host;
using Rhea.Tests.State;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class I440FxTests : IDisposable
{
    private const int Pam0 = 0x59, Pam1 = 0x5A, Pam6 = 0x5F, Smram = 0x72;

    private readonly PcBench _pc = new();
    private readonly RamBlock _ram = new("pc.ram", 0x20_0000, new HostRam()), _video = new("video", 0x2_0000, new HostRam());
    private readonly AddressSpace _smm;
    private readonly I440Fx _bridge;

    public I440FxTests()
    {
        MemoryRegion pci = MemoryRegion.Frame("pci", MemoryRegion.Everything), smm = MemoryRegion.Frame("smm", MemoryRegion.Everything);
        var bus = new PciBus("pci.0", pci, _pc.Ports, _pc.Memory, (_, _) => 0);
        _pc.System.Add(0, pci, priority: -1);
        smm.Add(0, MemoryRegion.Window("all", _pc.System, 0, MemoryRegion.Everything));
        _smm = new AddressSpace(smm);
        pci.Add(0xA_0000, MemoryRegion.Ram(_video), priority: 1);
        Bus = bus;
        _bridge = new I440Fx(new PciSlot(_pc.Services, bus, 0), MemoryRegion.Ram(_ram), 0x18_0000, _pc.System, smm);
        _bridge.Reset();
        foreach (ulong address in new ulong[] { 0xA_0000, 0xC_0000, 0xC_4000, 0xE_C000, 0xF_0000 }) _ram.Span(address, 1)[0] = 0x5A;
        _video.Span(0, 1)[0] = 0x11;
    }

    private PciBus Bus { get; }

    public void Dispose()
    {
        _ram.Dispose();
        _video.Dispose();
    }

    [Fact]
    public void Powers_on_as_in_qemu()
    {
        Assert.Equal((0x1237_8086u, 0x0000_0000u, 0x0600_0002u, 0x1100_1AF4u), (Config(0x00), Config(0x04), Config(0x08), Config(0x2C)));
        Assert.Equal((0x0000_0000u, 0x0002_0000u), (Config(0x54), Config(0x70))); // 2 MiB are no unit of 8 MiB
    }

    [Fact]
    public void Memory_above_the_hole_starts_at_four_gibibytes()
    {
        _ram.Span(0x18_0000, 1)[0] = 0x77;

        Assert.Equal((0xFFul, 0x77ul), (_pc.Memory.Read(0x18_0000, 1), _pc.Memory.Read(0x1_0000_0000, 1)));
    }

    [Theory]
    [InlineData(Pam0, 0x10, 0xF_0000)]
    [InlineData(Pam1, 0x01, 0xC_0000)]
    [InlineData(Pam1, 0x10, 0xC_4000)]
    [InlineData(Pam6, 0x10, 0xE_C000)]
    public void A_pam_register_opens_its_range_for_reading_alone(int register, byte value, ulong address)
    {
        Assert.Equal(0xFFu, _pc.Memory.Read(address, 1));

        Config(register, value);
        _pc.Memory.Write(address, 1, 0);

        Assert.Equal(0x5Au, _pc.Memory.Read(address, 1));
    }

    [Fact]
    public void Both_bits_make_it_ram()
    {
        Config(Pam0, 0x30);

        _pc.Memory.Write(0xF_0000, 1, 0x42);

        Assert.Equal(0x42, _ram.Span(0xF_0000, 1)[0]);
    }

    [Fact]
    public void Video_memory_covers_smram_until_it_is_opened()
    {
        Assert.Equal(0x11u, _pc.Memory.Read(0xA_0000, 1));

        Config(Smram, 0x4A);

        Assert.Equal(0x5Au, _pc.Memory.Read(0xA_0000, 1));
    }

    [Fact]
    public void System_management_mode_sees_smram_once_it_is_enabled()
    {
        Assert.Equal(0x11u, _smm.Read(0xA_0000, 1));

        Config(Smram, 0x0A);

        Assert.Equal((0x5Aul, 0x11ul), (_smm.Read(0xA_0000, 1), _pc.Memory.Read(0xA_0000, 1)));
    }

    [Fact]
    public void A_locked_smram_stays_closed_until_reset()
    {
        Config(Smram, 0x5A);
        Config(Smram, 0x4A);

        Assert.Equal((0x1Aul, 0x11ul), (Config(Smram) & 0xFF, _pc.Memory.Read(0xA_0000, 1)));

        _bridge.Reset();
        Config(Smram, 0x4A);
        Assert.Equal(0x5Au, _pc.Memory.Read(0xA_0000, 1));
    }

    [Fact]
    public void Reset_hides_ram_under_the_bios()
    {
        Config(Pam0, 0x30);

        _bridge.Reset();

        Assert.Equal(0xFFu, _pc.Memory.Read(0xF_0000, 1));
    }

    [Fact]
    public void Its_section_is_qemus() => QemuSections.AssertDescribes("0000:00:00.0/I440FX", _bridge);

    private uint Config(int register) => Bus.ReadConfig(0, 0, register, 4);

    private void Config(int register, byte value) => Bus.WriteConfig(0, 0, register, 1, value);
}

using Rhea.Core.Machines;
using Rhea.Devices.Watchdog;
using Xunit;

namespace Rhea.Tests.Devices;

public class I6300EsbTests
{
    private const uint Registers = 0xFE00_0000;

    private readonly PcBench _pc = new();
    private readonly I6300Esb _watchdog;

    public I6300EsbTests()
    {
        _watchdog = new I6300Esb(_pc.PciSlot(), new());
        Start();
    }

    [Fact]
    public void It_bites_when_both_timers_have_run_down()
    {
        SetTimers(0x400); // a millisecond and a fraction each at 1 kHz: 400h * 32768 / 33 MHz
        _pc.WriteConfig(0x68, 1, 0x02);

        _pc.Clock.AdvanceTo(2_030_000_000);
        Assert.Empty(_pc.Shutdowns);
        _pc.Clock.AdvanceTo(2_040_000_000);

        Assert.Equal(ShutdownCause.Watchdog, Assert.Single(_pc.Shutdowns).Cause);
        Assert.Equal(0x00u, _pc.ReadConfig(0x68, 1));
    }

    [Fact]
    public void A_reload_puts_it_off()
    {
        SetTimers(0x400);
        _pc.WriteConfig(0x68, 1, 0x02);

        for (var second = 1; second < 10; second++)
        {
            _pc.Clock.AdvanceTo(second * 1_000_000_000L);
            Unlock();
            _pc.Memory.Write(Registers + 0x0C, 2, 0x100);
        }

        Assert.Empty(_pc.Shutdowns);
    }

    [Fact]
    public void A_reload_without_the_keys_does_not_count()
    {
        SetTimers(0x400);
        _pc.WriteConfig(0x68, 1, 0x02);
        _pc.Clock.AdvanceTo(1_000_000_000);

        _pc.Memory.Write(Registers + 0x0C, 2, 0x100);
        _pc.Clock.AdvanceTo(2_040_000_000);

        Assert.Single(_pc.Shutdowns);
    }

    [Fact]
    public void After_a_reset_it_tells_that_it_has_bitten_until_told_to_forget()
    {
        SetTimers(1);
        _pc.WriteConfig(0x68, 1, 0x02);
        _pc.Clock.AdvanceTo(1_000_000_000);
        _watchdog.Reset();
        Start();
        Assert.Equal(0x200u, _pc.Memory.Read(Registers + 0x0C, 2));

        Unlock();
        _pc.Memory.Write(Registers + 0x0C, 2, 0x200);

        Assert.Equal(0u, _pc.Memory.Read(Registers + 0x0C, 2));
    }

    [Theory]
    [InlineData(0xFFFF, 0x35)]
    [InlineData(0x0004, 0x04)]
    public void Its_configuration_keeps_the_bits_it_has(uint written, uint read)
    {
        _pc.WriteConfig(0x60, 2, written);

        Assert.Equal(read, _pc.ReadConfig(0x60, 2));
    }

    [Fact]
    public void Once_locked_it_cannot_be_stopped()
    {
        _pc.WriteConfig(0x68, 1, 0x03);
        _pc.WriteConfig(0x68, 1, 0x00);

        Assert.Equal(0x03u, _pc.ReadConfig(0x68, 1));
    }

    private void Start()
    {
        _watchdog.Reset();
        _pc.WriteConfig(0x10, 4, Registers);
        _pc.WriteConfig(0x04, 2, 2);
    }

    private void Unlock()
    {
        _pc.Memory.Write(Registers + 0x0C, 2, 0x80);
        _pc.Memory.Write(Registers + 0x0C, 2, 0x86);
    }

    private void SetTimers(uint preload)
    {
        Unlock();
        _pc.Memory.Write(Registers, 4, preload);
        Unlock();
        _pc.Memory.Write(Registers + 4, 4, preload);
    }
}

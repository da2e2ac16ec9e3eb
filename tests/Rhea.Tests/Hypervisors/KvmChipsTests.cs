using Rhea.Core.Cpu;
using Rhea.Hypervisors.Kvm;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>Interrupt controllers go to KVM's structures and come back the same.</summary>
public class KvmChipsTests
{
    private const long Now = 5_000_000_000;

    [Fact]
    public void A_pic_comes_back()
    {
        var from = new I8259Registers(1)
        {
            LastRequest = 1,
            Request = 2,
            Mask = 3,
            InService = 4,
            HighestPriority = 5,
            VectorBase = 0x70,
            ReadInService = 1,
            Poll = 1,
            SpecialMask = 1,
            InitStep = 2,
            AutoEoi = 1,
            RotateOnAutoEoi = 1,
            SpecialFullyNested = 1,
            Icw4Wanted = 1,
            LevelTriggered = 0x0C,
        };
        var to = new I8259Registers(1);
        KvmPic pic = default;

        KvmChips.Store(from, ref pic);
        KvmChips.Fetch(in pic, to);

        Assert.Equivalent(from, to);
        Assert.Equal(0xDE, pic.LevelTriggeredMask);
    }

    [Fact]
    public void An_io_apic_comes_back()
    {
        var from = new IoApicRegisters { Id = 2, Select = 0x10, Request = 0x40_0001 };
        for (var pin = 0; pin < IoApicRegisters.Pins; pin++) from.Redirection[pin] = 0x0100_0000_0000_8000UL + (ulong)pin;
        var to = new IoApicRegisters();
        KvmIoApic chip = default;

        KvmChips.Store(from, ref chip);
        KvmChips.Fetch(in chip, to);

        Assert.Equivalent(from, to);
        Assert.Equal(0xFEC0_0000UL, chip.BaseAddress);
    }

    [Fact]
    public void A_local_apic_comes_back()
    {
        LocalApicRegisters from = Apic(), to = new(1, 0);
        (from.InService[1], from.TriggerMode[2], from.Request[7]) = (1, 2, 0x8000_0000);
        (from.LocalVectors[3], from.ErrorStatus, from.InterruptCommand[1]) = (0x700, 0x40, 0x0300_0000);

        LocalApicRegisters back = Through(from, Now, Now, to);

        Assert.Equal((from.Base, from.Id, from.TaskPriority, from.SpuriousVector), (back.Base, back.Id, back.TaskPriority, back.SpuriousVector));
        Assert.Equal((from.LogicalDestination, from.DestinationFormat, from.ErrorStatus), (back.LogicalDestination, back.DestinationFormat, back.ErrorStatus));
        Assert.Equal(from.InService, back.InService);
        Assert.Equal(from.TriggerMode, back.TriggerMode);
        Assert.Equal(from.Request, back.Request);
        Assert.Equal(from.LocalVectors, back.LocalVectors);
        Assert.Equal(from.InterruptCommand, back.InterruptCommand);
    }

    /// <summary>The timer counts on while the machine moves: what is left is the same, and so is the moment of its end.</summary>
    [Theory]
    [InlineData(0x2_0030u)] // periodic
    [InlineData(0x30u)]     // one shot
    public void A_running_timer_ends_when_it_would_have(uint vector)
    {
        LocalApicRegisters from = Apic();
        from.LocalVectors[0] = vector;
        (from.DivideConfiguration, from.CountShift, from.InitialCount, from.InitialCountLoadTime) = (3, 4, 1_000_000, Now - 8_000_000);

        LocalApicRegisters back = Through(from, Now, Now + 100, new(1, 0));

        Assert.Equal((3u, 4, 1_000_000u), (back.DivideConfiguration, back.CountShift, back.InitialCount));
        Assert.Equal(Now + 100 - 8_000_000, back.InitialCountLoadTime); // the clock went on by 100 in between, the chip did not
        Assert.Equal(Now + 100 + 8_000_000, back.TimerExpiry);
    }

    [Fact]
    public void A_timer_that_has_ended_or_is_masked_does_not_fire()
    {
        LocalApicRegisters ended = Apic(), masked = Apic();
        (ended.LocalVectors[0], ended.InitialCount, ended.InitialCountLoadTime) = (0x30, 1000, Now - 1_000_000);
        (masked.LocalVectors[0], masked.InitialCount, masked.InitialCountLoadTime) = (0x1_0030, 1_000_000_000, Now - 5);

        Assert.Equal(-1, Through(ended, Now, Now, new(1, 0)).TimerExpiry);
        Assert.Equal(-1, Through(masked, Now, Now, new(1, 0)).TimerExpiry);
    }

    /// <summary>KVM says by the host's clock when a count was loaded, here 2 s behind the guest's. It begins a count anew, so one that runs once gets what is left.</summary>
    [Fact]
    public void A_timer_comes_back()
    {
        const long Loaded = Now - 10_000_000, Ahead = 2_000_000_000;
        I8254Registers from = new(), to = new();
        from.Reset();
        from.IrqDisabled = 1;
        from.Channels[1] = from.Channels[1] with { Count = 50_000, Mode = 0, CountLoadTime = Loaded };
        from.Channels[2] = new I8254Channel
        {
            Count = 0x2E9B,
            LatchedCount = 7,
            CountLatched = 3,
            StatusLatched = 1,
            Status = 0x36,
            ReadState = 3,
            WriteState = 4,
            WriteLatch = 5,
            RwMode = 3,
            Mode = 2,
            Gate = 1,
            CountLoadTime = Loaded,
            NextTransition = -1,
        };
        KvmPit record = default;

        KvmChips.Store(from, Now, record);
        for (var i = 0; i < 3; i++) BitConverter.TryWriteBytes(((Span<byte>)record)[((i * 24) + 16)..], Loaded - Ahead); // as KVM does
        KvmChips.Fetch(record, Ahead, Now, to);

        Assert.Equal(1u, to.IrqDisabled);
        Assert.Equal(from.Channels[2], to.Channels[2]);
        Assert.Equal(50_000 - 11_931, to.Channels[1].Count);
        Assert.Equal((0x1_0000, 3, Loaded, Now), (to.Channels[0].Count, to.Channels[0].Mode, to.Channels[0].CountLoadTime, to.Channels[0].NextTransition));
    }

    private static LocalApicRegisters Apic()
    {
        var apic = new LocalApicRegisters(1, 3);
        apic.Reset();
        (apic.TaskPriority, apic.SpuriousVector, apic.LogicalDestination) = (0x20, 0x1FF, 8);
        return apic;
    }

    private static LocalApicRegisters Through(LocalApicRegisters from, long stored, long fetched, LocalApicRegisters to)
    {
        KvmLapic page = default;
        KvmChips.Store(from, stored, page);
        KvmChips.Fetch(page, from.Base, fetched, to);
        return to;
    }
}

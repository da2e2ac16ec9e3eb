using System.Diagnostics;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Hypervisors.Kvm;
using Rhea.Tests.Block;
using Xunit;

namespace Rhea.Tests.Boards;

/// <summary>A guest gone mad on the whole board: every port, every memory-mapped register, random RAM behind every DMA.</summary>
/// <remarks>
/// What it does is the same for the same seed, but for when the disks are done: accesses, and what they ask of the machine, all
/// happen on the machine's own thread.
/// </remarks>
[Collection(nameof(Alone))]
public sealed class BoardFuzzTests : IDisposable
{
    private const int Ram = 16 << 20, Chunk = 2_000, PerBoard = 500_000, WarmUp = 20_000;
    private const uint BarSpace = 0xE000_0000, BarStep = 0x0200_0000, PortSpace = 0xC000, PortStep = 0x40;
    private const int EjectFirst = 0xAE08, EjectLast = 0xAE0B;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5); // for a chunk, which takes some milliseconds

    private readonly string _floppy = TestDisks.File(new byte[1440 << 10]), _disk = TestDisks.File(new byte[4 << 20]);
    private FlatMap? _map; // of which the registers are
    private MapEntry[] _registers = [];
    private uint _seed;
    private long _accesses;

    public void Dispose()
    {
        File.Delete(_floppy);
        File.Delete(_disk);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Survives_any_guest_without_growing(int seed) => Survive(seed, 60_000, "tcg");

    [Fact]
    public void Survives_any_guest_without_growing_where_interrupt_controllers_are_in_the_kernel()
    {
        Assert.SkipUnless(KvmHost.Problem is null, KvmHost.Problem ?? "");

        Survive(seed: 5, 60_000, "kvm");
    }

    /// <summary>One board after the other, because a guest that unplugs its cards has less and less to try.</summary>
    [Fact]
    public void Survives_ten_million_accesses_without_growing()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1", "takes minutes (./test all)");

        Survive(seed: 4, 10_000_000, "tcg");
    }

    private void Survive(int seed, long accesses, string accelerator)
    {
        _seed = (uint)seed;
        Run(WarmUp, accelerator);
        _accesses = 0;
        Footprint before = Footprint.Take();

        while (_accesses < accesses) Run((int)Math.Min(PerBoard, accesses - _accesses), accelerator);

        Assert.Equal(accesses, _accesses);
        Footprint after = Footprint.Take();
        Assert.InRange(after.Managed - before.Managed, long.MinValue, 4 << 20);
        Assert.InRange(after.Resident - before.Resident, long.MinValue, 64 << 20);
        Assert.InRange(after.Threads - before.Threads, int.MinValue, 8); // the runtime's own come and go
        Assert.InRange(after.Files - before.Files, int.MinValue, 8);
    }

    /// <summary>A board of its own, with everything that can be plugged in but what ends the machine.</summary>
    private void Run(int accesses, string accelerator)
    {
        using VirtualMachine pc = VirtualMachine.Create(
            "-accel", accelerator, "-S", "-no-shutdown", "-action", "panic=pause", "-m", "16", "-smp", "2", "-nodefaults", "-vga", "std", "-display", "none", "-nic", "none",
            "-serial", "null", "-serial", "null", "-parallel", "null", "-chardev", "null,id=console", "-device", "isa-debugcon,iobase=0x402,chardev=console",
            "-drive", $"if=floppy,format=raw,file={_floppy}", "-drive", $"if=ide,format=raw,file={_disk}", "-drive", "if=ide,index=2,media=cdrom",
            "-device", "pvpanic", "-device", "pvpanic-pci", "-device", "i6300esb", "-device", "ib700", "-device", "edu", "-device", "pc-testdev",
            "-device", "pci-testdev", "-device", "pci-bridge,chassis_nr=1", "-chardev", "null,id=card", "-device", "pci-serial,chardev=card");
        pc.Start();
        Machine machine = pc.Machine;
        machine.Invoke(() => Scribble(machine));
        (int Timers, int Sections, int Blocks, int Map) fresh = Counts(machine);
        int most = fresh.Timers;
        for (var done = 0; done < accesses; done += Chunk)
        {
            int count = Math.Min(Chunk, accesses - done);
            Assert.True(Task.Run(() => machine.Invoke(() => Poke(machine, count))).Wait(Patience), $"it hangs after {_accesses} accesses");
            machine.Invoke(() => machine.Stop()); // a guest that fell asleep may have been woken
            Assert.Null(machine.Loop.Fault);
            most = Math.Max(most, machine.Clock.Armed);
        }

        Assert.InRange(most, 0, machine.Devices.Count * 4); // a device has some timers, whatever is done to it
        pc.Reset();
        (int timers, int sections, int blocks, int map) = Counts(machine);
        Assert.InRange(timers, 0, fresh.Timers);
        Assert.InRange(sections, 0, fresh.Sections);
        Assert.InRange(blocks, 0, fresh.Blocks);
        Assert.InRange(map, 0, fresh.Map);
        Assert.Equal(0x1237_8086u, Config(machine, 0));
    }

    private static (int Timers, int Sections, int Blocks, int Map) Counts(Machine machine) =>
        machine.Invoke(() => (machine.Clock.Armed, machine.Sections.Count, machine.Parts.Blocks.Count, machine.Memory.Map.Entries.Count()));

    private static uint Config(Machine machine, uint register)
    {
        machine.Ports.Write(0xCF8, 4, 0x8000_0000u | register);
        return machine.Ports.Read(0xCFC, 4);
    }

    private void Scribble(Machine machine)
    {
        Span<byte> bytes = machine.Parts.Blocks.Single(block => block.Name == "pc.ram").Span(0, Ram);
        for (var i = 0; i < bytes.Length; i += 4) BitConverter.TryWriteBytes(bytes[i..], Next());
    }

    /// <summary>The guest resets itself all the time, and then reaches no card that nobody has given an address.</summary>
    private static void PlaceCards(Machine machine)
    {
        uint next = 0;
        for (uint function = 0; function < 0x100; function++)
        {
            uint address = function << 8;
            if (Config(machine, address) == uint.MaxValue) continue;
            for (uint bar = 0x10; bar < 0x28; bar += 4, next++)
            {
                bool ports = (Config(machine, address | bar) & 1) != 0;
                machine.Ports.Write(0xCFC, 4, ports ? PortSpace + (next * PortStep) : BarSpace + (next * BarStep));
            }

            Config(machine, address | 4);
            machine.Ports.Write(0xCFC, 2, 7);
        }
    }

    private void Poke(Machine machine, int count)
    {
        using (machine.Loop.Enter()) PlaceCards(machine);
        ushort[] ports = [.. Enumerable.Range(0, 0x10000).Select(port => (ushort)port).Where(port => machine.Ports.Owner(port) is not null)];
        for (var i = 0; i < count; i++)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            _accesses++;
            int size = 1 << (int)(Next() % 3);
            bool write = Next() % 2 == 0;
            if (Next() % 3 != 0)
            {
                ushort port = ports[Next() % ports.Length];
                if (write && (port is < EjectFirst or > EjectLast || Next() % 1000 == 0)) machine.Ports.Write(port, size, Next());
                else machine.Ports.Read(port, size);
            }
            else
            {
                MapEntry entry = Registers(machine.Memory.Map);
                ulong address = entry.Start + (Next() % entry.Length);
                if (write) machine.Memory.Write(address, size, Next());
                else machine.Memory.Read(address, size);
            }

            if (Next() % 8 == 0) machine.Clock.AdvanceTo(machine.Clock.Now + (Next() % 20_000_000));
        }
    }

    /// <summary>Any of the blocks of registers in memory.</summary>
    private MapEntry Registers(FlatMap map)
    {
        if (_map != map) (_map, _registers) = (map, [.. map.Entries.Where(entry => entry.Io is not null)]);
        return _registers[Next() % _registers.Length];
    }

    private uint Next()
    {
        _seed = (_seed * 1664525) + 1013904223;
        return (_seed >> 4) ^ (_seed << 13);
    }

    /// <summary>What of the host a process holds on to.</summary>
    private readonly record struct Footprint(long Managed, long Resident, int Threads, int Files)
    {
        public static Footprint Take()
        {
            long managed = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            return new Footprint(managed, process.WorkingSet64, process.Threads.Count, Directory.GetFiles("/proc/self/fd").Length);
        }
    }
}

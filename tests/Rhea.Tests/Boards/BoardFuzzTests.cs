using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Xunit;

namespace Rhea.Tests.Boards;

/// <summary>A guest gone mad on the whole board: every port, every memory-mapped register, random RAM behind every DMA.</summary>
[Collection(nameof(Alone))]
public sealed class BoardFuzzTests : IDisposable
{
    private const int Ram = 16 << 20;

    private readonly VirtualMachine _pc = VirtualMachine.Create("-m", "16", "-nodefaults", "-vga", "std", "-smp", "2", "-display", "none", "-nic", "none",
        "-serial", "null", "-debugcon", "null", "-device", "pvpanic-pci", "-drive", "if=ide,media=cdrom", "-S");

    private uint _seed;

    public void Dispose() => _pc.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Survives_any_guest_without_growing(int seed)
    {
        _seed = (uint)seed;
        Machine machine = _pc.Machine;
        Scribble(machine);
        Poke(machine, Scaled(5_000));
        long before = GC.GetTotalMemory(forceFullCollection: true);

        Poke(machine, Scaled(60_000));

        Assert.Null(machine.Loop.Fault);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 8 << 20);
        machine.Reset();
        Assert.Equal(0x1237_8086u, Config(machine, 0));
    }

    private static int Scaled(int steps) => Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? steps * 60 : steps;

    private static uint Config(Machine machine, byte register)
    {
        machine.Ports.Write(0xCF8, 4, 0x8000_0000u | register);
        return machine.Ports.Read(0xCFC, 4);
    }

    private void Scribble(Machine machine)
    {
        Span<byte> bytes = machine.Parts.Blocks.Single(block => block.Name == "pc.ram").Span(0, Ram);
        for (var i = 0; i < bytes.Length; i += 4) BitConverter.TryWriteBytes(bytes[i..], Next());
    }

    private void Poke(Machine machine, int steps)
    {
        ushort[] ports = [.. Enumerable.Range(0, 0x10000).Select(port => (ushort)port).Where(port => machine.Ports.Owner(port) is not null)];
        for (var i = 0; i < steps; i++)
        {
            using MachineLoop.Held held = machine.Loop.Enter();
            int size = 1 << (int)(Next() % 3);
            bool write = Next() % 2 == 0;
            if (Next() % 3 != 0)
            {
                ushort port = ports[Next() % ports.Length];
                if (write) machine.Ports.Write(port, size, Next());
                else machine.Ports.Read(port, size);
            }
            else
            {
                MapEntry[] registers = [.. machine.Memory.Map.Entries.Where(entry => entry.Io is not null)];
                MapEntry entry = registers[Next() % registers.Length];
                ulong address = entry.Start + (Next() % entry.Length);
                if (write) machine.Memory.Write(address, size, Next());
                else machine.Memory.Read(address, size);
            }

            if (Next() % 8 == 0) machine.Clock.AdvanceTo(machine.Clock.Now + (Next() % 20_000_000));
        }
    }

    private uint Next()
    {
        _seed = (_seed * 1664525) + 1013904223;
        return (_seed >> 4) ^ (_seed << 13);
    }
}

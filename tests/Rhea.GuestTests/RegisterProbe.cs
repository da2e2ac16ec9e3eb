using Rhea.Core.Machines;
using Rhea.Core.Memory;

namespace Rhea.GuestTests;

/// <summary>Reads every register of a PC that can be read, those behind an index too, always in the same order.</summary>
/// <remarks>Many reads change something: what two machines answer agrees to the end only where they also change alike.</remarks>
internal sealed class RegisterProbe(IGuestBus bus)
{
    private const int VmPort = 0x5658; // answers to the processor that asks, and no processor does
    private const int Watchdog = 5 << 3;

    /// <summary>What was read, a line each: "port i8042-data 0060 1c".</summary>
    public List<string> Seen { get; } = [];

    /// <param name="map">The machine whose tables say where registers are.</param>
    public void ReadAll(Machine map)
    {
        ReadPciConfiguration();
        ReadIndexed();
        ReadFirmwareConfiguration();
        ReadTimers();
        foreach (MapEntry entry in map.Memory.Map.Entries.Where(entry => entry is { Io: not null, Ram: null }))
            if (entry.Io!.Name != "apic-msi") ReadMemory(entry); // there, too, a processor is asked for
        for (int port = 0, size; port < 0x10000; port += size)
        {
            size = WidthAt(port);
            if (map.Ports.Owner((ushort)port) is { } owner && port is < VmPort or >= VmPort + 4)
                Note($"port {owner.Name} {port:x4}", bus.In(port, size));
        }
    }

    /// <summary>Of registers that QEMU answers at one width only: power management and ACPI's slots.</summary>
    private static int WidthAt(int port) => port switch
    {
        >= 0x600 and < 0x608 => 2,
        >= 0x608 and < 0x60C or >= 0xAE00 and < 0xAE18 => 4,
        _ => 1,
    };

    private void ReadPciConfiguration()
    {
        for (var function = 0; function < 0x100; function++)
        {
            for (var register = 0; register < 0x100; register += 4)
            {
                bus.Out(0xCF8, 0x8000_0000u | (uint)function << 8 | (uint)register, 4);
                if (function == Watchdog && register is 0x60 or 0x68)
                {
                    // QEMU's 6300ESB has these only at the width they have in the data sheet.
                    Note($"PCI 05.0 {register:x2}", bus.In(0xCFC, register == 0x60 ? 2 : 1));
                    continue;
                }

                uint value = bus.In(0xCFC, 4);
                if (register == 0 && value == uint.MaxValue) break;
                Note($"PCI {function >> 3:x2}.{function & 7} {register:x2}", value);
            }
        }
    }

    private void ReadIndexed()
    {
        ReadIndexed("CMOS", 0x70, 0x71, 128);
        ReadIndexed("VGA sequencer", 0x3C4, 0x3C5, 8);
        ReadIndexed("VGA graphics", 0x3CE, 0x3CF, 9);
        ReadIndexed("VGA CRTC", 0x3D4, 0x3D5, 0x19);
        for (uint index = 0; index < 0x15; index++)
        {
            bus.In(0x3DA);
            bus.Out(0x3C0, index);
            Note($"VGA attribute {index:x2}", bus.In(0x3C1));
        }

        bus.In(0x3DA);
        bus.Out(0x3C0, 0x20);
        bus.Out(0x3C7, 0);
        for (var i = 0; i < 768; i++) Note($"VGA palette {i}", bus.In(0x3C9));
        for (uint index = 0; index < 0x10; index++)
        {
            bus.Out(0x1CE, index, 2);
            Note($"VBE {index:x2}", bus.In(0x1CF, 2));
        }

        for (uint index = 0; index < 0x44; index++)
        {
            bus.Write(0xFEC0_0000, index, 4);
            Note($"I/O APIC {index:x2}", bus.Read(0xFEC0_0010, 4));
        }

        foreach (int pic in (ReadOnlySpan<int>)[0x20, 0xA0])
        {
            bus.Out(pic, 0x0A);
            Note($"PIC {pic:x2} requests", bus.In(pic));
            bus.Out(pic, 0x0B);
            Note($"PIC {pic:x2} in service", bus.In(pic));
        }
    }

    private void ReadIndexed(string name, int select, int data, uint count)
    {
        for (uint index = 0; index < count; index++)
        {
            bus.Out(select, index);
            Note($"{name} {index:x2}", bus.In(data));
        }
    }

    /// <summary>The fixed entries, and the files, whose numbers a guest may remember.</summary>
    private void ReadFirmwareConfiguration()
    {
        foreach (uint key in Enumerable.Range(0, 0x2B).Where(key => key != 0x19).Concat(Enumerable.Range(0x8000, 8)).Select(key => (uint)key))
        {
            bus.Out(0x510, key, 2);
            for (var i = 0; i < 256; i++) Note($"fw_cfg {key:x4} {i}", bus.In(0x511));
        }
    }

    private void ReadTimers()
    {
        bus.Out(0x43, 0xCE); // latches status and count of all three
        for (var counter = 0; counter < 3; counter++)
            for (var i = 0; i < 3; i++) Note($"PIT {counter}", bus.In(0x40 + counter));
        bus.Out(0x0C, 0);
        bus.Out(0xD8, 0);
        for (var register = 0; register < 8; register++)
        {
            for (var i = 0; i < 2; i++)
            {
                Note($"DMA {register}", bus.In(register));
                Note($"second DMA {register}", bus.In(0xC0 + (register * 2)));
            }
        }

        Note("power management timer", bus.In(0x608, 4));
    }

    /// <summary>At most a page of each block.</summary>
    private void ReadMemory(MapEntry entry)
    {
        ulong length = Math.Min(entry.Length, 0x1000);
        for (ulong offset = 0; offset < length; offset += 4)
        {
            int size = length - offset >= 4 ? 4 : length - offset >= 2 ? 2 : 1;
            Note($"memory {entry.Io!.Name} {entry.Start + offset:x8}", bus.Read(entry.Start + offset, size));
        }
    }

    private void Note(string what, ulong value) => Seen.Add($"{what} {value:x}");
}

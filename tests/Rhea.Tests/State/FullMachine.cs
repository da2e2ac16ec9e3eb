using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.State;

namespace Rhea.Tests.State;

/// <summary>A machine with every device that a stream may have, and its stream without the contents of RAM.</summary>
internal static class FullMachine
{
    private static readonly string[] Options =
    [
        "-accel", "tcg", "-nodefaults", "-vga", "std", "-m", "2", "-smp", "2", "-nic", "none", "-display", "none", "-S",
        "-chardev", "null,id=card", "-serial", "null", "-parallel", "null", "-drive", "if=floppy", "-drive", "if=ide,index=2,media=cdrom",
        "-device", "pvpanic", "-device", "pvpanic-pci,addr=4", "-device", "i6300esb,addr=5", "-device", "ib700", "-device", "edu,addr=6",
        "-device", "pc-testdev", "-device", "pci-testdev,addr=7", "-device", "pci-serial,addr=8,chardev=card", "-device", "pci-bridge,chassis_nr=1,shpc=off,addr=9",
    ];

    public static VirtualMachine Create() => VirtualMachine.Create(Options);

    public static byte[] Devices(Machine machine)
    {
        var stream = new MemoryStream();
        MachineStream.Save(stream, machine.Type, new SizesOnly(new RamState(machine.Parts.Blocks)), machine.Sections);
        return stream.ToArray();
    }

    /// <summary>RAM stays as it is: its pages would be nearly all of the stream.</summary>
    private sealed class SizesOnly(RamState ram) : IRamState
    {
        private const ulong EndOfSection = 0x10;

        public void Save(WireWriter wire, bool first)
        {
            if (first) ram.Save(wire, first);
            else wire.UInt64(EndOfSection);
        }

        public void Load(WireReader wire) => throw new NotSupportedException();
    }
}

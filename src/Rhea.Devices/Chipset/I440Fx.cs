using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Pci;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>The PC's host bridge and memory controller: it decides where RAM is seen, and where the PCI bus shows through.</summary>
/// <remarks>
/// Data sheet: Intel 82441FX (PMC), 1996. PAM registers open RAM under the BIOS, SMRAM opens it under the video memory. As in
/// QEMU a range that is only writable reads as RAM too, and data accesses of system management mode cannot be closed (D_CLS):
/// an address has one owner here, whatever the access.
/// </remarks>
public sealed class I440Fx : Device
{
    private const int RamSize = 0x57, Pam0 = 0x59, LastPam = 0x5F, Smram = 0x72;
    private const byte Readable = 0x1, Writable = 0x2;                        // each nibble of PAM
    private const byte Open = 0x40, Locked = 0x10, Enabled = 0x08, Fixed = 0x02; // SMRAM
    private const ulong VideoMemory = 0xA_0000, VideoLength = 0x2_0000, HighMemory = 0x10_0000, FourGiB = 1UL << 32;

    private readonly PciFunction _pci;
    private readonly MemoryRegion[] _shadows; // in the order of PAM's nibbles from 59h, bits 7-4
    private readonly MemoryRegion _openSmram, _smram;
    private readonly byte _ramSize;

    [NotState("a sleeping machine that moves wakes up with what its registers say")]
    private bool _keepsShadow;

    /// <summary>Puts RAM on the map, with the PCI bus below and between it.</summary>
    /// <param name="slot">00.0.</param>
    /// <param name="ram">All of guest RAM.</param>
    /// <param name="below4G">How many bytes of it are below 4 GiB; the rest starts there.</param>
    /// <param name="system">The physical map.</param>
    /// <param name="smm">What system management mode lays over it.</param>
    public I440Fx(PciSlot slot, MemoryRegion ram, ulong below4G, MemoryRegion system, MemoryRegion smm)
    {
        _pci = slot.Plug(new PciIdentity(0x8086, 0x1237, Revision: 2, Class: 0x0600, SubsystemVendor: 0x1AF4, Subsystem: 0x1100) { Fixed = true });
        _ramSize = (byte)Math.Min(ram.Length >> 23, 255);
        system.Add(0, MemoryRegion.Window("ram-below-1m", ram, 0, Math.Min(below4G, VideoMemory)));
        if (below4G > HighMemory) system.Add(HighMemory, MemoryRegion.Window("ram-below-4g", ram, HighMemory, below4G - HighMemory));
        if (ram.Length > below4G) system.Add(FourGiB, MemoryRegion.Window("ram-above-4g", ram, below4G, ram.Length - below4G));

        _shadows = [Shadow(0xF_0000, 0x1_0000), .. Enumerable.Range(0, 12).Select(i => Shadow(0xC_0000 + ((ulong)i * 0x4000), 0x4000))];
        _openSmram = MemoryRegion.Window("smram-open", ram, VideoMemory, VideoLength);
        system.Add(VideoMemory, _openSmram, priority: 1);
        _smram = MemoryRegion.Window("smram", ram, VideoMemory, VideoLength);
        smm.Add(VideoMemory, _smram, priority: 1);
        _pci.ConfigWritten += (offset, size) => OnWritten();
        Settle();

        MemoryRegion Shadow(ulong start, ulong length)
        {
            MemoryRegion shadow = MemoryRegion.Window("pam-ram", ram, start, length);
            system.Add(start, shadow, priority: 1);
            return shadow;
        }
    }

    public override string Model => "i440FX";

    public override StructType Section { get; } = new("I440FX", 3);

    /// <summary>The guest goes to sleep: the next reset leaves RAM where the BIOS has shadowed itself, for that is how it finds out.</summary>
    /// <param name="keep">Else the next reset is one like all others.</param>
    public void KeepShadow(bool keep) => _keepsShadow = keep;

    /// <summary>All PAM registers are 0, and so is what the BIOS may have locked.</summary>
    public override void Reset()
    {
        _pci.Reset();
        for (var i = 0x40; i < 0x100; i++)
            if (!_keepsShadow || i is < Pam0 or > LastPam) _pci[i] = 0;
        _keepsShadow = false;
        (_pci[RamSize], _pci[Smram]) = (_ramSize, Fixed);
        Settle();
    }

    public override void Visit(StateVisitor state)
    {
        _pci.Visit("parent_obj", state);
        state.Unused("unused", 1);
    }

    public override void Loaded()
    {
        _pci.Loaded();
        Settle();
    }

    /// <summary>D_LCK closes SMRAM and makes its register read-only until reset.</summary>
    private void OnWritten()
    {
        if ((_pci[Smram] & Locked) != 0) _pci[Smram] &= unchecked((byte)~Open);
        Settle();
    }

    private void Settle()
    {
        _pci.SetWritable(Smram, (byte)((_pci[Smram] & Locked) != 0 ? 0 : 0xFF));
        for (var i = 0; i < _shadows.Length; i++)
        {
            int pam = _pci[Pam0 + ((i + 1) / 2)] >> (i % 2 == 0 ? 4 : 0);
            _shadows[i].ReadOnly = (pam & Writable) == 0;
            _shadows[i].Enabled = (pam & (Readable | Writable)) != 0;
        }

        _openSmram.Enabled = (_pci[Smram] & Open) != 0;
        _smram.Enabled = (_pci[Smram] & Enabled) != 0;
    }
}

using Rhea.Core.Backends;
using Rhea.Core.Memory;
using Rhea.Devices.Storage;
using Rhea.Host;

namespace Rhea.Tests.Devices;

/// <summary>A PC with the PIIX3's IDE controller, 1 MiB of RAM for its bus masters, and a guest's habits of driving it.</summary>
internal sealed class IdeBench
{
    public const ushort Primary = 0x1F0, Secondary = 0x170, Master = 0xC000;
    public const byte Busy = 0x80, Ready = 0x40, Seek = 0x10, DataRequest = 0x08, Failed = 0x01;
    private const ulong Table = 0x1000;

    public IdeBench()
    {
        Pc.System.Add(0, MemoryRegion.Ram(Ram));
        Ide = new Piix3Ide(Pc.PciSlot(), Pc.Ports, Pc.Input);
        Ide.Reset();
        Pc.WriteConfig(0x20, 4, Master);
        Pc.WriteConfig(0x04, 2, 5);
    }

    public PcBench Pc { get; } = new();

    public RamBlock Ram { get; } = new("pc.ram", 0x10_0000, new HostRam());

    public Piix3Ide Ide { get; }

    public AtaDisk AddDisk(IBlockBackend drive, int channel = 0, int unit = -1)
    {
        Pc.Drives.Add($"disk{channel}{unit}", drive);
        var disk = new AtaDisk(new IdeSlot(Pc.Services, Ide.Buses[channel]), new() { Drive = $"disk{channel}{unit}", Unit = unit });
        Ide.Reset();
        Pc.WriteConfig(0x20, 4, Master);
        Pc.WriteConfig(0x04, 2, 5);
        return disk;
    }

    public AtapiDrive AddCd(IBlockBackend? drive, int channel = 0)
    {
        if (drive is not null) Pc.Drives.Add("cd", drive);
        var cd = new AtapiDrive(new IdeSlot(Pc.Services, Ide.Buses[channel]), new() { Drive = drive is null ? "" : "cd" });
        Ide.Reset();
        Pc.WriteConfig(0x20, 4, Master);
        Pc.WriteConfig(0x04, 2, 5);
        return cd;
    }

    /// <summary>Loads the registers and writes the command. An LBA above 28 bits goes out the LBA48 way.</summary>
    public byte Command(byte command, long lba = 0, int count = 0, byte feature = 0, byte drive = 0xE0, ushort at = Primary, bool wide = false)
    {
        Pc.Out((ushort)(at + 6), (byte)(drive | (wide ? 0 : lba >> 24 & 0x0F)));
        Pc.Out((ushort)(at + 1), feature);
        if (wide)
        {
            Pc.Out((ushort)(at + 2), (byte)(count >> 8));
            Pc.Out((ushort)(at + 3), (byte)(lba >> 24));
            Pc.Out((ushort)(at + 4), (byte)(lba >> 32));
            Pc.Out((ushort)(at + 5), (byte)(lba >> 40));
        }

        Pc.Out((ushort)(at + 2), (byte)count);
        Pc.Out((ushort)(at + 3), (byte)lba);
        Pc.Out((ushort)(at + 4), (byte)(lba >> 8));
        Pc.Out((ushort)(at + 5), (byte)(lba >> 16));
        Pc.Out((ushort)(at + 7), command);
        return Status(at);
    }

    /// <summary>The status register, which also acknowledges the interrupt.</summary>
    public byte Status(ushort at = Primary) => Pc.In((ushort)(at + 7));

    public byte Register(int number, ushort at = Primary) => Pc.In((ushort)(at + number));

    public byte[] ReadData(int length, ushort at = Primary)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i += 2)
        {
            uint word = Pc.Ports.Read(at, 2);
            bytes[i] = (byte)word;
            if (i + 1 < length) bytes[i + 1] = (byte)(word >> 8);
        }

        return bytes;
    }

    public void WriteData(ReadOnlySpan<byte> bytes, ushort at = Primary)
    {
        for (var i = 0; i < bytes.Length; i += 2) Pc.Ports.Write(at, 2, (uint)(bytes[i] | (bytes[i + 1] << 8)));
    }

    /// <summary>Writes a table of pieces into RAM and tells the bus master.</summary>
    public void SetTable(params (uint Address, int Length)[] pieces)
    {
        for (var i = 0; i < pieces.Length; i++)
        {
            Pc.Memory.Write(Table + ((ulong)i * 8), 4, pieces[i].Address);
            Pc.Memory.Write(Table + ((ulong)i * 8) + 4, 4, (uint)(pieces[i].Length & 0xFFFF) | (i == pieces.Length - 1 ? 0x8000_0000 : 0));
        }

        Pc.Ports.Write(Master + 4, 4, (uint)Table);
    }

    public void StartMaster(bool toMemory) => Pc.Out(Master, toMemory ? (byte)9 : (byte)1);

    public byte MasterStatus => Pc.In(Master + 2);

    /// <summary>Sends a packet and takes the answer by the data register, in blocks of at most <paramref name="limit"/> bytes.</summary>
    public byte[] Packet(ReadOnlySpan<byte> packet, int limit = 0xFFFE, ushort at = Primary)
    {
        SendPacket(packet, limit, 0, at);
        var answer = new List<byte>();
        while ((Status(at) & DataRequest) != 0)
        {
            int length = Register(4, at) | (Register(5, at) << 8);
            answer.AddRange(ReadData(length, at));
        }

        return [.. answer];
    }

    public void SendPacket(ReadOnlySpan<byte> packet, int limit = 0xFFFE, byte feature = 0, ushort at = Primary)
    {
        Span<byte> twelve = stackalloc byte[12];
        packet.CopyTo(twelve);
        Command(0xA0, limit << 8, feature: feature, drive: 0xA0, at: at);
        WriteData(twelve, at);
    }
}

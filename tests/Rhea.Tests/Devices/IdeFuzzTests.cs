using Rhea.Devices.Storage;
using Rhea.Tests.Block;
using Xunit;
using static Rhea.Tests.Devices.IdeBench;

namespace Rhea.Tests.Devices;

/// <summary>A guest that sends whatever comes to its mind. The drives answer, end, and stay what they were.</summary>
[Collection(nameof(Alone))]
public class IdeFuzzTests
{
    private uint _seed = 11;

    [Fact]
    public void Random_commands_packets_and_tables_neither_hang_nor_grow()
    {
        var ide = new IdeBench();
        ide.AddDisk(TestDisks.Of(TestDisks.Numbered(4096)));
        ide.AddDisk(TestDisks.Blank(1 << 20), unit: 1);
        ide.AddCd(TestDisks.Blank(1 << 20), channel: 1);
        Step(ide, 2_000);
        long before = GC.GetTotalMemory(forceFullCollection: true);

        Step(ide, 20_000);

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 4 << 20);
        Assert.Empty(ide.Pc.Faults);
        Assert.All(ide.Ide.Buses, bus => AssertComesBack(ide, bus));
    }

    private static void AssertComesBack(IdeBench ide, IdeChannel bus)
    {
        ushort at = bus.Number == 0 ? Primary : Secondary;
        ide.Pc.Out((ushort)(at + 0x206), 4);
        ide.Pc.Out((ushort)(at + 0x206), 0);
        Assert.Equal(0, ide.Status(at) & (Busy | DataRequest));
        Assert.Equal(bus.Number == 0 ? 0 : 0x14, ide.Register(4, at));
        ide.Command(bus.Number == 0 ? (byte)0xEC : (byte)0xA1, drive: 0xA0, at: at);
        Assert.Equal(DataRequest, ide.Status(at) & DataRequest);
    }

    private void Step(IdeBench ide, int steps)
    {
        Span<byte> packet = stackalloc byte[12];
        for (var i = 0; i < steps; i++)
        {
            ushort at = Next(2) == 0 ? Primary : Secondary;
            ushort master = (ushort)(Master + (at == Primary ? 0 : 8));
            switch (Next(10))
            {
                case < 3:
                    ide.Command((byte)Next(256), lba: Next(5000), count: (int)Next(4), feature: (byte)Next(4), drive: (byte)(0xA0 | (Next(8) << 4)), at: at, wide: Next(2) == 0);
                    break;
                case 3:
                    foreach (ref byte value in packet) value = Next(3) == 0 ? (byte)Next(256) : (byte)0;
                    ide.SendPacket(packet, (int)Next(65536), feature: (byte)Next(2), at: at);
                    break;
                case 4:
                    ide.ReadData((int)Next(3000), at);
                    break;
                case 5:
                    ide.WriteData(new byte[Next(1024) * 2], at);
                    break;
                case 6:
                    for (var entry = 0; entry < 4; entry++)
                        ide.Pc.Memory.Write(0x1000 + ((ulong)entry * 8), 8, ((ulong)Next(uint.MaxValue) << 33) | Next(0x12_0000));
                    ide.Pc.Ports.Write((ushort)(master + 4), 4, Next(8) == 0 ? Next(uint.MaxValue) : 0x1000u);
                    break;
                case 7:
                    ide.Pc.Out(master, (byte)Next(16));
                    ide.Pc.Out((ushort)(master + 2), (byte)Next(256));
                    break;
                case 8:
                    ide.Pc.Out((ushort)(at + 0x206), (byte)(Next(6) == 0 ? 4 : Next(2) * 0x80));
                    break;
                default:
                    ide.Pc.Ports.Write((ushort)(at + Next(8)), 1 << (int)Next(3), Next(uint.MaxValue));
                    ide.Pc.Ports.Read((ushort)(at + Next(8)), 1 << (int)Next(3));
                    break;
            }
        }
    }

    private uint Next(uint limit)
    {
        _seed = (_seed * 1664525) + 1013904223;
        return (_seed >> 8) % limit;
    }
}

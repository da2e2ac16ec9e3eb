using System.Globalization;
using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Devices.Input;
using Rhea.Devices.Serial;
using Xunit;

namespace Rhea.Tests.Devices;

/// <summary>What QEMU 7.2.22's chips answered to a long series of accesses through its qtest protocol, and ours answer.</summary>
public class QemuConversationTests
{
    /// <summary>Port (or, from 10000h on, memory address) = value written, or ? value read; hexadecimal. Time stands still.</summary>
    private const string Conversation = """
        64=aa 64?1d 60?55 64?1c 64=20 60?3 64=60 60=43 64?1c 60=f2 64?1d 60?fa 60?ab 60?41 60?41 60=ff 60?fa 60?aa 64=d4 60=ff
        64?3d 60?fa 64?3d 60?aa 60?0 64?1c 64=d0 60?cf 64=a9 60?0 64=ab 60?0 64=c0 60?80 60=5 60?fe 60=ed 60?fa 60=2 60?fa 60=f0
        60?fa 60=0 60?fa 60?41 64=d4 60=e9 60?fa 60?0 60?2 60?64 64=d4 60=eb 60?fa 60?8 60?0 60?0 64?1c 43=b6 42=34 42=12 43=e8
        42?b6 43=80 42?34 42?12 61?30 61=1 61?21 61?31 3fa=1 3fa?c1 3f9=f 3fa?c2 3fa?c1 3f9?f 3fc=ff 3fc?1f 3fe?f0 3f8=5a 3fd?61
        3f8?5a 3fd?60 3fa=c7 3fa?c2 3fb=ff 3fb?ff 3f8?c 3f9?0 3fb=0 3fd?60 0=34 0=12 c=0 0?34 0?12 8?0 d=0 81?0 92=2 92?2
        fec00000=10 fec00010=ffffffff fec00010?ffffafff fec00000=11 fec00010=ffffffff fec00010?ffffffff fec00000=0
        fec00010=ffffffff fec00010?f000000 fec00000=2 fec00010?f000000 fed00100=ffffbfff fed00100?3f7e fed00104?4 fed00108=1234
        fed00108?1234 fed0010c?0 fed00110?0 fed00010=ffffffff fed00010?3 64=a7 64=20 60?63 64=a8 64=ad 64=20 60?53 60=ee 64?1d
        60?ee 64=d3 60=77 64?3d 60?77 64=d4 60=f3 60?fa 64=d4 60=c8 60?fa 64=d4 60=f3 60?fa 64=d4 60=64 60?fa 64=d4 60=f3 60?fa
        64=d4 60=50 60?fa 64=d4 60=f2 60?fa 60?3 64=d4 60=ee 60?fa 64=d4 60=12 60?12 64=d4 60=ec 60?fa 60=f0 60?fa 60=9 60?fe
        60=f7 60?fe 60=fc 60?fa 60=fd 60?fa 60=0 60?fa 60=f5 60?fa 60=f4 60?fa 43=30 40=5 43=e2 40?30 40=0 43=e2 40?30 43=70
        41=ff 41=ff 43=e4 41?30 43=5c 43=e4 41?1c 3fc=0 3f9=0 3fa=0 3fa?1 3f9=2 3fa?2 3f9=0 3fa?1 3f9=2 3fa?2 3fa?1 3f8=41 3fa?2
        3ff=99 3ff?99 3fb=80 3f8=0 3f9=0 3f8?0 3f9?0 3fb=3 fed00010=0 fed000f0=12345678 fed000f4=9 fed000f0?12345678 fed000f4?9
        fed00120=104 fed00128=1 fed00128?1 fed00140?30 fed00160?0 fed00020?0 fec00000=3f fec00010=12345678 fec00010?12345678
        fec00000=40 fec00010?0 fec00000?40
        """;

    private readonly PcBench _pc = new();

    public QemuConversationTests()
    {
        var pit = new I8254(_pc.IsaSlot(), new());
        Ps2Keyboard keyboard = new();
        Ps2Mouse mouse = new();
        foreach (Core.Machines.Device chip in (Core.Machines.Device[])
            [
                pit, new PcSpeaker(_pc.IsaSlot(), pit), keyboard, mouse, new I8042(_pc.IsaSlot(), keyboard, mouse, _ => { }, () => { }),
                new IsaSerial(_pc.IsaSlot(), new() { Index = 0 }), new I8237(_pc.IsaSlot(), new GuestMemory(_pc.Memory), second: false),
                new Port92(_pc.IsaSlot(), _ => { }, () => { }), new IoApic(_pc.IsaSlot(), new(), (_, _) => { }),
                new Hpet(_pc.IsaSlot(), new(), [], on => pit.DrivesIrq = on, null),
            ])
            chip.Reset();
    }

    [Fact]
    public void Our_chips_answer_as_qemus_do()
    {
        var asked = 0;
        foreach (string step in Conversation.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] parts = step.Split('=', '?');
            ulong address = ulong.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            uint value = uint.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (step.Contains('=')) Write(address, value);
            else Assert.Equal((++asked, step), (asked, $"{parts[0]}?{Read(address):x}"));
        }
    }

    private void Write(ulong address, uint value)
    {
        if (address < 0x1_0000) _pc.Out((ushort)address, (byte)value);
        else _pc.Memory.Write(address, 4, value);
    }

    private ulong Read(ulong address) => address < 0x1_0000 ? _pc.In((ushort)address) : _pc.Memory.Read(address, 4);
}

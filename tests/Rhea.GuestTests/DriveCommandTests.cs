using Xunit;

namespace Rhea.GuestTests;

/// <summary>What the drives of the IDE cables answer to each command, byte for byte as Debian's QEMU: registers, data and sense codes.</summary>
public class DriveCommandTests
{
    private const ushort First = 0x1F0, Second = 0x170;
    private const byte Busy = 0x80;

    /// <summary>A name of what is asked, and the command packet in hexadecimal.</summary>
    private const string Packets = """
        TEST_UNIT_READY 00
        INQUIRY 120000002400
        INQUIRY_SHORT 120000000600
        INQUIRY_LONG 120000006000
        INQUIRY_PAGES 12010000FF00
        INQUIRY_IDENTIFICATION 12018300FF00
        INQUIRY_UNKNOWN_PAGE 12018000FF00
        READ_CAPACITY 25
        READ_10 28000000000500000100
        READ_10_NOTHING 28000000000500000000
        READ_10_END 280000000FFF00000100
        READ_10_BEYOND 28000000100000000100
        READ_12 A8000000000600000001
        READ_12_BEYOND A8007FFFFFFF00000001
        SEEK 2B0000000064000000
        SEEK_BEYOND 2B00000FFFFF000000
        TOC 4300000000000000FF00
        TOC_MSF 4302000000000000FF00
        TOC_LEAD_OUT 43000000000000AAFF00
        TOC_NO_TRACK 4300000000000005FF00
        TOC_SESSIONS 4300000000000000FF40
        TOC_SESSIONS_2 4300010000000000FF00
        TOC_RAW 4300000000000000FF80
        TOC_RAW_2 4302020000000000FF00
        TOC_PMA 4300030000000000FF00
        TOC_ATIP 4302040000000000FF00
        TOC_CD_TEXT 4300050000000000FF00
        TOC_SHORT 43000000000000000400
        CONFIGURATION 46000000000000004000
        CONFIGURATION_CURRENT 46010000000000004000
        CONFIGURATION_ONE 46020000000000004000
        CONFIGURATION_ONE_CORE 46020001000000004000
        CONFIGURATION_RESERVED 46030000000000004000
        CONFIGURATION_LATE 46000010000000004000
        CONFIGURATION_SHORT 46000000000000000800
        EVENTS 4A01000010000000FF00
        EVENTS_ALL 4A010000FF000000FF00
        EVENTS_NONE 4A01000000000000FF00
        EVENTS_ASYNCHRONOUS 4A00000010000000FF00
        DISC_INFORMATION 5100000000000000FF00
        DISC_INFORMATION_OTHER 5101000000000000FF00
        TRACK_INFORMATION 5201000000010000FF00
        MODE_SENSE_ERRORS 5A000100000000FF00
        MODE_SENSE_AUDIO 5A000E00000000FF00
        MODE_SENSE_CAPABILITIES 5A002A00000000FF00
        MODE_SENSE_CHANGEABLE 5A006A00000000FF00
        MODE_SENSE_DEFAULT 5A00AA00000000FF00
        MODE_SENSE_SAVED 5A00EA00000000FF00
        MODE_SENSE_ALL 5A003F00000000FF00
        MODE_SENSE_UNKNOWN 5A001A00000000FF00
        MODE_SENSE_6 1A002A00FF00
        MODE_SELECT 55100000000000000000
        SPEED BB00FFFFFFFF00000000
        MECHANISM BD0000000000000000FF
        MECHANISM_SHORT BD000000000000000004
        READ_CD BE0000000007000001100000
        READ_CD_NOTHING BE0000000007000001000000
        READ_CD_RAW BE0000000007000001F80000
        READ_CD_HEADERS BE0000000007000001300000
        READ_CD_DATA BE0800000007000001100000
        READ_CD_NONE BE0000000007000000100000
        READ_CD_BEYOND BE0000100000000001100000
        READ_CD_MSF B90000000200000201100000
        DVD_PHYSICAL AD0000000000000008040000
        DVD_COPYRIGHT AD0000000000000100FE0000
        DVD_DISC_KEY AD0000000000000200FE0000
        DVD_BCA AD0000000000000300FE0000
        DVD_MANUFACTURER AD0000000000000408040000
        DVD_LIST AD000000000000FF00FE0000
        DVD_LAYER_1 AD0000000000010008040000
        PREVENT 1E0000000100
        EJECT_PREVENTED 1B0000000200
        ALLOW 1E0000000000
        STOP 1B0000000000
        START 1B0000000100
        PLAY_AUDIO_10 45000000000000000A00
        PLAY_AUDIO_12 A5000000000000000A
        PLAY_AUDIO_MSF 47000000020000030000
        PAUSE 4B000000000000000000
        STOP_PLAY 4E
        SUBCHANNEL 42024001000000003000
        HEADER 44000000000000000800
        PERFORMANCE AC00000000000000000100
        REPORT_KEY A400000000000000000800
        SYNCHRONIZE 35
        FORMAT_CAPACITIES 2300000000000000FF00
        BUFFER_CAPACITY 5C00000000000000FF00
        UNKNOWN FF
        REQUEST_SENSE 030000001200
        REQUEST_SENSE_SHORT 030000000800
        """;

    [Theory]
    [InlineData("a disc")]
    [InlineData("a DVD")]
    [InlineData("nothing")]
    public async Task A_cd_drive_answers_packets(string inside)
    {
        using TemporaryFolder folder = Assets.Folder();
        const int sector = 2048;
        long sectors = inside == "a DVD" ? 0x8_0000 : 0x1000;
        await using (FileStream image = File.Create(folder["disc"]))
        {
            for (var i = 0; i < 64; i++) image.Write([.. Enumerable.Range(0, sector).Select(at => (byte)((at * 7) + i + (at >> 8)))]);
            image.SetLength(sectors * sector);
        }

        var script = new RegisterScript();
        foreach (string line in Packets.Split('\n'))
        {
            string[] parts = line.Split(' ');
            Packet(script, Convert.FromHexString(parts[1].PadRight(24, '0')), parts[0][..3] is "REA" or "DVD" ? 1200 : 64);
            if (parts[0].StartsWith("REQUEST", StringComparison.Ordinal)) continue;
            Packet(script, [3, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0]);
        }

        Packet(script, [0x1B, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]); // opens the tray
        foreach (byte asked in (byte[])[0x00, 0x03, 0x4A, 0x03, 0xBD, 0x25, 0x03])
            Packet(script, [asked, (byte)(asked == 0x4A ? 1 : 0), 0, 0, (byte)(asked == 0x03 ? 18 : asked == 0x4A ? 0x10 : 0), 0, 0, 0, 20, (byte)(asked == 0xBD ? 8 : 0), 0, 0]);
        Packet(script, [0x1B, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]); // closes it
        foreach (byte asked in (byte[])[0x4A, 0x4A, 0x00, 0x03, 0x00, 0x03, 0x25])
            Packet(script, [asked, (byte)(asked == 0x4A ? 1 : 0), 0, 0, (byte)(asked == 0x03 ? 18 : asked == 0x4A ? 0x10 : 0), 0, 0, 0, 20, 0, 0, 0]);
        string[] drive = inside == "nothing" ? [] : ["-drive", $"if=ide,index=2,media=cdrom,format=raw,readonly=on,file={folder["disc"]}"];

        string differences = await script.Differences(drive);
        Assert.True(differences.Length == 0, differences);
    }

    /// <summary>A packet, the registers after it, and what it gives, which is not more than some words.</summary>
    private static void Packet(RegisterScript script, byte[] packet, int words = 64)
    {
        foreach ((ushort register, byte value) in ((ushort, byte)[])[(6, 0xA0), (1, 0), (4, 0xFE), (5, 0xFF), (7, 0xA0)]) script.Out((uint)(Second + register), value);
        script.Await(Second + 7u, Busy, 0);
        script.In(Second + 2);
        for (var i = 0; i < packet.Length; i += 2) script.Out(Second, (uint)(packet[i] | packet[i + 1] << 8), 2);
        script.Await(Second + 7u, Busy, 0);
        foreach (uint register in (uint[])[1, 2, 4, 5, 6, 7]) script.In(Second + register);
        for (var i = 0; i < words; i++) script.In(Second, 2);
        script.Await(Second + 7u, Busy, 0);
        foreach (uint register in (uint[])[1, 2, 3, 4, 5, 6, 7]) script.In(Second + register);
    }

    /// <summary>After SRST who is there says what it is, and a place without a drive that there is none.</summary>
    [Fact]
    public async Task A_reset_leaves_signatures()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["image"], new byte[0x10_0000], TestContext.Current.CancellationToken);
        var script = new RegisterScript();
        foreach (ushort channel in (ushort[])[First, Second])
        {
            foreach (uint register in (uint[])[1, 2, 3, 4, 5, 6]) script.Out(channel + register, 0x4A); // the first drive, for QEMU does not go back to it
            script.Out(channel + 0x206u, 4);
            script.Await(channel + 0x206u, Busy, 0);
            script.Out(channel + 0x206u, 0);
            script.Await(channel + 0x206u, Busy, 0);
            foreach (byte unit in (byte[])[0xA0, 0xB0])
            {
                script.Out(channel + 6u, unit);
                foreach (uint register in (uint[])[1, 2, 3, 4, 5, 6, 7]) script.In(channel + register);
            }
        }

        string differences = await script.Differences("-drive", $"if=ide,index=0,media=disk,format=raw,snapshot=on,file={folder["image"]}",
            "-drive", $"if=ide,index=1,media=cdrom,format=raw,snapshot=on,file={folder["image"]}");
        Assert.True(differences.Length == 0, differences);
    }

    /// <summary>Features, count, sector, cylinder and head, command.</summary>
    private const string Commands = """
        IDENTIFY 00 00 00 0000 A0 EC
        IDENTIFY_PACKET 00 00 00 0000 A0 A1
        INITIALIZE 00 3F 00 0000 AF 91
        RECALIBRATE 00 00 00 0000 A0 10
        READ_CHS 00 01 01 0000 A0 20
        READ_LBA 00 01 05 0000 E0 20
        READ_NO_RETRY 00 01 05 0000 E0 21
        READ_BEYOND 00 01 FF FFFF EF 20
        READ_MULTIPLE_UNSET 00 02 05 0000 E0 C4
        SET_MULTIPLE 00 10 00 0000 A0 C6
        SET_MULTIPLE_ODD 00 03 00 0000 A0 C6
        READ_MULTIPLE 00 02 05 0000 E0 C4
        READ_EXT 00 01 05 0000 E0 24
        VERIFY 00 01 05 0000 E0 40
        VERIFY_EXT 00 01 05 0000 E0 42
        VERIFY_BEYOND 00 01 FF FFFF EF 40
        SEEK 00 00 05 0000 E0 70
        NATIVE_MAX 00 00 00 0000 E0 F8
        NATIVE_MAX_EXT 00 00 00 0000 E0 27
        DIAGNOSE 00 00 00 0000 A0 90
        SPECIFY_NOTHING 00 00 00 0000 A0 00
        STANDBY_NOW 00 00 00 0000 A0 E0
        IDLE_NOW 00 00 00 0000 A0 E1
        STANDBY 00 00 00 0000 A0 E2
        IDLE 00 00 00 0000 A0 E3
        CHECK_POWER 00 00 00 0000 A0 E5
        SLEEP 00 00 00 0000 A0 E6
        FLUSH 00 00 00 0000 A0 E7
        FLUSH_EXT 00 00 00 0000 A0 EA
        FEATURES_WRITE_CACHE 02 00 00 0000 A0 EF
        FEATURES_NO_WRITE_CACHE 82 00 00 0000 A0 EF
        FEATURES_PIO 03 0C 00 0000 A0 EF
        FEATURES_MDMA 03 22 00 0000 A0 EF
        FEATURES_UDMA 03 45 00 0000 A0 EF
        FEATURES_NO_MODE 03 80 00 0000 A0 EF
        FEATURES_READ_AHEAD AA 00 00 0000 A0 EF
        FEATURES_APM 05 80 00 0000 A0 EF
        FEATURES_NO_APM 85 00 00 0000 A0 EF
        FEATURES_ACOUSTIC 42 FE 00 0000 A0 EF
        FEATURES_UNKNOWN 77 00 00 0000 A0 EF
        IDENTIFY_AGAIN 00 00 00 0000 A0 EC
        SMART_DATA D0 01 00 C24F A0 B0
        SMART_THRESHOLDS D1 01 00 C24F A0 B0
        SMART_DISABLE D9 00 00 C24F A0 B0
        SMART_DATA_DISABLED D0 01 00 C24F A0 B0
        SMART_ENABLE D8 00 00 C24F A0 B0
        SMART_STATUS DA 00 00 C24F A0 B0
        SMART_AUTOSAVE D2 F1 00 C24F A0 B0
        SMART_LOG D5 01 00 C24F A0 B0
        SMART_LOG_ERRORS D5 01 01 C24F A0 B0
        SMART_LOG_TESTS D5 01 06 C24F A0 B0
        SMART_LOG_UNKNOWN D5 01 77 C24F A0 B0
        SMART_TEST D4 00 01 C24F A0 B0
        SMART_WRONG D0 01 00 0000 A0 B0
        SMART_UNKNOWN DF 01 00 C24F A0 B0
        SECURITY_FREEZE 00 00 00 0000 A0 F5
        SECURITY_UNLOCK 00 00 00 0000 A0 F2
        DEVICE_RESET 00 00 00 0000 A0 08
        PACKET 00 00 00 0000 A0 A0
        CFA_SENSE 00 00 00 0000 A0 03
        QUEUED 00 01 05 0000 E0 C7
        READ_DMA_QUEUED 00 01 05 0000 E0 26
        MEDIA_LOCK 00 00 00 0000 A0 DE
        NOP 00 00 00 0000 A0 00
        UNKNOWN 00 00 00 0000 A0 FF
        CFA_SECTORS 00 01 05 0000 E0 38
        WHILE_DATA_IS_EXPECTED 00 00 00 0000 A0 EC
        """;

    [Theory]
    [InlineData("disk")]
    [InlineData("cdrom")]
    [InlineData("nothing")]
    public async Task A_drive_answers_commands(string media)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["image"], [.. Enumerable.Range(0, 0x20_0000).Select(at => (byte)((at * 3) + (at >> 9)))], TestContext.Current.CancellationToken);
        var script = new RegisterScript();
        foreach (string line in Commands.Split('\n'))
        {
            if (media == "nothing" && line.StartsWith("SMART_LOG", StringComparison.Ordinal)) continue; // of a drive that is not there QEMU has a log
            string[] parts = line.Split(' ');
            byte[] values = [.. parts[1..].SelectMany(Convert.FromHexString)]; // the cylinder's high byte comes first
            foreach ((ushort register, byte value) in ((ushort, byte)[])[(6, values[5]), (1, values[0]), (2, values[1]), (3, values[2]), (4, values[4]), (5, values[3]), (7, values[6])])
                script.Out((uint)(First + register), value);
            script.Await(First + 0x206, Busy, 0);
            foreach (uint register in (uint[])[1, 2, 3, 4, 5, 6, 7]) script.In(First + register);
            for (var i = 0; i < 512; i++) script.In(First, 2);
            script.Await(First + 0x206, Busy, 0);
            foreach (uint register in (uint[])[1, 2, 3, 4, 5, 6, 7]) script.In(First + register);
        }

        string[] drive = media == "nothing" ? [] : ["-drive", $"if=ide,index=0,media={media},format=raw,snapshot=on,file={folder["image"]}"];
        string differences = await script.Differences(drive);
        Assert.True(differences.Length == 0, differences);
    }
}

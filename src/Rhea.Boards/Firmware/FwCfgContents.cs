using System.Buffers.Binary;
using System.Text;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Devices.Chipset;

namespace Rhea.Boards.Firmware;

/// <summary>Puts into fw_cfg what every PC has there: sizes and counts, boot options, the HPET, and the user's own files.</summary>
public static class FwCfgContents
{
    private const string FailWait = "etc/boot-fail-wait", MenuWait = "etc/boot-menu-wait", SystemStates = "etc/system-states", DiskShapes = "bios-geometry", TpmLog = "etc/tpm/log";
    private const uint HpetId = 0x8086_A201;
    private const ulong HpetAddress = 0xFED0_0000;
    private const int HpetEntries = 8, HpetEntryLength = 15;
    private const byte StateSupported = 0x80;

    /// <param name="apicIds">One more than the highest APIC id a processor may have.</param>
    public static void AddNumbers(FwCfg to, MachineConfig config, int apicIds)
    {
        to.Add(FwCfgKey.Uuid, (config.Uuid ?? Guid.Empty).ToByteArray(bigEndian: true));
        to.AddNumber(FwCfgKey.RamSize, config.Memory);
        to.AddNumber(FwCfgKey.NoGraphic, (ushort)(config.Switches.Graphics ? 0 : 1));
        to.AddNumber(FwCfgKey.Cpus, (ushort)config.Smp.Cpus);
        to.AddNumber(FwCfgKey.MaxCpus, (ushort)apicIds);
        to.Add(FwCfgKey.Numa, new byte[(1 + apicIds) * sizeof(ulong)]);
        to.AddNumber(FwCfgKey.BootMenu, (ushort)(config.Boot.Menu ? 1 : 0));
        to.AddNumber(FwCfgKey.Irq0Override, 1u);
        if (config.Switches.Hpet) to.Add(FwCfgKey.Hpet, Hpet());
    }

    /// <exception cref="ConfigException">A time out of range, or a splash picture of an unknown kind.</exception>
    public static void AddBootOptions(FwCfg to, BootConfig boot, BootOrder order)
    {
        to.AddFile(BootOrder.File, order.Build(boot.Strict));
        var failWait = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(failWait, Milliseconds("reboot-timeout", boot.RebootTimeout ?? -1, -1));
        to.AddFile(FailWait, failWait);
        if (boot.SplashTime is { } time)
        {
            var menuWait = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(menuWait, (ushort)Milliseconds("splash-time", time, 0));
            to.AddFile(MenuWait, menuWait);
        }

        if (boot.Splash is { } picture) AddSplash(to, picture);
    }

    /// <summary>Which sleep states the machine has, with the number the power management controller knows each by.</summary>
    /// <param name="s3">Suspend to RAM.</param>
    /// <param name="s4">Suspend to disk.</param>
    public static void AddSystemStates(FwCfg to, bool s3, bool s4) =>
        to.AddFile(SystemStates, [StateSupported, 0, 0, (byte)(s3 ? StateSupported | 1 : 1), (byte)(s4 ? StateSupported | 2 : 2), StateSupported]);

    /// <summary>Files with nothing in them, which QEMU has too: a guest that moves knows the others by their number.</summary>
    public static void AddEmptyFiles(FwCfg to, bool acpi)
    {
        to.AddFile(DiskShapes, []);
        if (acpi) to.AddFile(TpmLog, []);
    }

    /// <summary>ROMs that the firmware runs although no card carries them: <c>-option-rom</c>.</summary>
    /// <exception cref="ConfigException">A file that cannot be read.</exception>
    public static void AddOptionRoms(FwCfg to, IReadOnlyList<string> files)
    {
        foreach (string file in files) to.AddFile($"genroms/{Path.GetFileName(file)}", HostFile.Read(file, $"could not load option rom '{file}'"));
    }

    /// <summary>The user's own files: <c>-fw_cfg</c>.</summary>
    /// <exception cref="ConfigException">A file that cannot be read, or a name that is taken or too long.</exception>
    public static void AddUserFiles(FwCfg to, IReadOnlyList<FwCfgEntry> entries)
    {
        foreach (FwCfgEntry entry in entries)
            to.AddFile(entry.Name, entry.File is { } path ? HostFile.Read(path, $"can't load {path}") : Encoding.UTF8.GetBytes(entry.Text ?? ""));
    }

    private static void AddSplash(FwCfg to, string path)
    {
        byte[] picture = HostFile.Read(path, $"failed to read splash file '{path}'");
        string? file = picture switch
        {
            [0xFF, 0xD8, ..] => "bootsplash.jpg",
            [(byte)'B', (byte)'M', ..] when picture.Length > 29 && picture[28] == 24 => "bootsplash.bmp",
            _ => null,
        };
        to.AddFile(file ?? throw new ConfigException($"splash file '{path}' format not recognized; must be JPEG or 24 bit BMP"), picture);
    }

    private static int Milliseconds(string option, int value, int least) => value >= least && value <= ushort.MaxValue
        ? value
        : throw new ConfigException($"{option} is invalid, it should be a value between {least} and 65535");

    /// <summary>A count and room for eight timer blocks: id, address, shortest period, page protection.</summary>
    private static byte[] Hpet()
    {
        var blocks = new byte[1 + (HpetEntries * HpetEntryLength)];
        blocks[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(blocks.AsSpan(1), HpetId);
        BinaryPrimitives.WriteUInt64LittleEndian(blocks.AsSpan(5), HpetAddress);
        return blocks;
    }
}

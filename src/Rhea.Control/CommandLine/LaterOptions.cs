using Rhea.Core;

namespace Rhea.Control.CommandLines;

/// <summary>Options of QEMU 7.2 that this version does not have yet. They are refused by name: an ignored option is a wrong machine.</summary>
internal static class LaterOptions
{
    private const string Flags =
        "mem-prealloc audio-help usb full-screen portrait win2k-hack singlestep daemonize preconfig only-migratable async-teardown "
        + "enable-sync-profile xen-attach xen-domid-restrict semihosting old-param";

    private const string WithArgument =
        "numa add-fd set mem-path k audio audiodev blockdev mtdblock sd fsdev virtfs iscsi usbdevice spice rotate acpitable netdev "
        + "tpmdev pflash dtb compat overcommit echr chroot "
        + "sandbox trace plugin dump-vmstate object qtest qtest-log prom-env semihosting-config g";

    public static IReadOnlyList<Option> All { get; } =
    [
        .. Flags.Split(' ').Select(name => Refused(name, null)),
        .. WithArgument.Split(' ').Select(name => Refused(name, "value")),
    ];

    private static Option Refused(string name, string? argument) => new(name, argument, "", (_, _) => throw NotYet($"-{name}"));

    /// <summary>The one sentence for what QEMU has and this version has not.</summary>
    public static ConfigException NotYet(string what) => new($"{what} is not available in this version of rhea");
}

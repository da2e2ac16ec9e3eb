namespace Rhea.Hypervisors.Xen;

/// <summary>Numbers and layouts of the calls that differ between Xen's versions: struct xen_domctl and its parts, by version.</summary>
/// <param name="Version">XEN_DOMCTL_INTERFACE_VERSION, which has to be met exactly.</param>
/// <param name="Name">Xen's versions that have it.</param>
/// <param name="EmulationFlags">Where in struct xen_domctl_createdomain the set of chips is that Xen emulates.</param>
/// <param name="AutomaticId">The domain number that asks for the next free one.</param>
internal sealed record XenInterface(uint Version, string Name, int EmulationFlags, ushort AutomaticId)
{
    /// <summary>Of struct xen_domctl: a head, and 128 bytes for the command's own structure.</summary>
    public const int DomctlLength = 144, Payload = 16;

    /// <summary>Of struct xen_domctl_getdomaininfo.</summary>
    public const int InfoLength = 112, InfoFlags = 4, InfoPages = 8, InfoMostPages = 16, InfoVcpus = 64, InfoHandle = 76;

    /// <summary>Oldest first. Proven: 4.17 and 4.20.</summary>
    public static IReadOnlyList<XenInterface> All { get; } =
    [
        new(0x15, "4.17", EmulationFlags: 56, AutomaticId: 0),
        new(0x16, "4.18", EmulationFlags: 56, AutomaticId: 0),
        new(0x17, "4.19 to 4.21", EmulationFlags: 60, AutomaticId: 0), // altp2m_opts came in at 48
    ];
}

namespace Rhea.GuestTests;

/// <summary>Domain-0 of a real Xen.</summary>
internal sealed class XenLab : HypervisorLab
{
    public XenLab() : base("xen-lab")
    {
        _ = Assets.Xen;
        _ = Assets.Dom0;
    }
}

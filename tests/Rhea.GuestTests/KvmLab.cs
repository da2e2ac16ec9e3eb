namespace Rhea.GuestTests;

/// <summary>A small Linux with a working /dev/kvm.</summary>
internal sealed class KvmLab() : HypervisorLab("kvm-lab");

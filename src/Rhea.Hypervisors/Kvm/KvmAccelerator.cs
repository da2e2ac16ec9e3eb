using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;

namespace Rhea.Hypervisors.Kvm;

/// <summary>KVM: the host's own processor runs the guest, in the kernel. What <c>-accel kvm</c> runs on.</summary>
/// <remarks>Kernel documentation: virt/kvm/api.rst.</remarks>
public sealed class KvmAccelerator : IAccelerator
{
    private const int ApiVersion = 12;
    private const ulong TssAddress = 0xFFFB_D000; // three pages that Intel's processors need, where no RAM is, as QEMU has them
    private const ulong IdentityMapAddress = 0xFFFB_C000;
    private const ulong MachineCheckBanks = 10, MachineCheckWanted = 0x100_0100 | MachineCheckBanks;
    private const int IoApicPins = 24, SetGuestDebug2 = 195, BlockInterrupts = 0x10_0000;

    private readonly KvmFile _kvm, _vm;
    private readonly KvmMemory _memory;
    private readonly KvmMemory? _smmMemory;
    private readonly KvmPlatform _platform;
    private readonly Action<string> _log;
    private readonly List<KvmVcpu> _vcpus = [];

    private KvmAccelerator(KvmFile kvm, KernelIrqChip irqChip, Action<string> log)
    {
        (_kvm, _log, IrqChip) = (kvm, log, irqChip);
        _vm = kvm.Create(KvmCall.CreateVm, 0);
        ulong identityMap = IdentityMapAddress;
        _vm.Call(KvmCall.SetIdentityMapAddress, ref identityMap);
        _vm.Call(KvmCall.SetTssAddress, (long)TssAddress);
        HasSmm = Check(KvmCapability.X86Smm) > 0 && Check(KvmCapability.MultiAddressSpace) > 1;
        HasXcrs = Check(KvmCapability.Xcrs) > 0;
        HasGuestDebug = Check(KvmCapability.SetGuestDebug) > 0;
        BlocksInterruptsWhileStepping = (Check((KvmCapability)SetGuestDebug2) & BlockInterrupts) != 0;
        if (Check(KvmCapability.Mce) > 0)
        {
            ulong supported = 0;
            if (kvm.Try(KvmCall.GetMceCapSupported, ref supported) >= 0) MachineCheckCapabilities = MachineCheckWanted & (supported | 0xFF);
        }

        if (irqChip == KernelIrqChip.On) _vm.Call(KvmCall.CreateIrqChip);
        if (irqChip == KernelIrqChip.Split) Enable(KvmCapability.SplitIrqChip, IoApicPins);
        CoalescedWrites = new KvmCoalescedWrites(_vm);
        _platform = new KvmPlatform(_vm, irqChip, _vcpus);
        Cpuid = new KvmCpuid(kvm, HostsApic);
        RunPageLength = kvm.Call(KvmCall.GetVcpuMmapSize);
        bool readOnly = Check(KvmCapability.ReadOnlyMemory) > 0;
        _memory = new KvmMemory(_vm, 0, readOnly);
        if (HasSmm) _smmMemory = new KvmMemory(_vm, 1, readOnly);
    }

    public string Name => "kvm";

    public IHostedPlatform? Platform => _platform;

    public IRamProvider? Ram => null;

    /// <summary>False where the kernel runs guests without it, as one does that has page tables alone for them.</summary>
    public bool HasSmm { get; }

    public IReadOnlyList<CpuidLeaf> Supported => Cpuid.Supported;

    public KernelIrqChip IrqChip { get; }

    internal KvmCpuid Cpuid { get; }

    internal bool HostsApic => IrqChip != KernelIrqChip.Off;

    internal bool HasXcrs { get; }

    internal bool HasGuestDebug { get; }

    internal bool BlocksInterruptsWhileStepping { get; }

    internal int RunPageLength { get; }

    /// <summary>Those that are in guest memory.</summary>
    internal KvmBreakpoints Breakpoints { get; } = new();

    internal KvmCoalescedWrites CoalescedWrites { get; }

    /// <summary>IA32_MCG_CAP; 0 when KVM has no machine checks.</summary>
    internal ulong MachineCheckCapabilities { get; }

    internal int MapChanges => _memory.Changes + (_smmMemory?.Changes ?? 0);

    /// <summary>Opens KVM and makes an empty machine.</summary>
    /// <param name="irqChip">Which interrupt controllers KVM has.</param>
    /// <param name="log">Takes what goes wrong later.</param>
    /// <exception cref="ConfigException">It cannot be used here: why, and what would help.</exception>
    public static KvmAccelerator Open(KernelIrqChip irqChip, Action<string> log)
    {
        KvmFile? kvm = KvmFile.Open(KvmHost.Device, out int error);
        if (kvm is null) throw new ConfigException(KvmHost.Explain(error));
        try
        {
            int version = kvm.Call(KvmCall.GetApiVersion);
            if (version != ApiVersion) throw new ConfigException($"KVM's interface has version {version}, only {ApiVersion} is known");
            TryProcessor(kvm);
            return new KvmAccelerator(kvm, irqChip, log);
        }
        catch (HostException refused)
        {
            kvm.Dispose();
            throw new ConfigException($"KVM could not make a machine: {refused.Message}", refused);
        }
        catch
        {
            kvm.Dispose();
            throw;
        }
    }

    public void Attach(AddressSpace memory, AddressSpace smm)
    {
        memory.Follow(_memory);
        if (_smmMemory is not null) smm.Follow(_smmMemory);
    }

    public void GatherWrites(ushort port) => CoalescedWrites.Gather(port);

    public IVcpu CreateVcpu(int index, IReadOnlyList<CpuidLeaf> model, IMachineBus bus)
    {
        try
        {
            var vcpu = new KvmVcpu(this, _vm, index, model, bus);
            _vcpus.Add(vcpu);
            return vcpu;
        }
        catch (HostException refused)
        {
            throw new ConfigException($"KVM could not make processor {index}: {refused.Message}", refused);
        }
    }

    public void Dispose()
    {
        _vm.Dispose();
        _kvm.Dispose();
    }

    internal void Report(string what) => _log(what);

    /// <summary>In a machine of its own, while another accelerator may still be chosen: a processor that the kernel makes, and would run.</summary>
    private static void TryProcessor(KvmFile kvm)
    {
        using KvmFile vm = kvm.Create(KvmCall.CreateVm, 0), vcpu = vm.Create(KvmCall.CreateVcpu, 0);
        using KvmRunPage page = vcpu.MapRunPage(kvm.Call(KvmCall.GetVcpuMmapSize));
        page.Run.ImmediateExit = 1;
        int result = vcpu.Try(KvmCall.Run);
        if (result is < 0 and not KvmFile.Interrupted) throw new HostException(-result);
    }

    private int Check(KvmCapability capability) => _vm.Try(KvmCall.CheckExtension, (long)capability);

    private void Enable(KvmCapability capability, ulong argument)
    {
        var enable = new KvmEnableCap { Capability = capability, Argument = argument };
        _vm.Call(KvmCall.EnableCap, ref enable);
    }
}

using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>What an option ROM of QEMU's (kvmvapic.bin) has told about itself, so that a machine can move between QEMU and here.</summary>
/// <remarks>
/// QEMU rewrites a 32-bit Windows so that its accesses to the task priority go to that ROM and cost no exit. Here they cost none
/// worth that: the ROM is not given to the guest, and a guest that was rewritten already cannot go on here.
/// </remarks>
public sealed class KvmVapic : Device
{
    private const uint Active = 1; // inactive 0, standby 2

    private static readonly StructType Rom = new("kvmvapic-guest-rom", 1), Handlers = new("kvmvapic-handlers", 1);

    private readonly uint[] _oneProcessor = new uint[11], _manyProcessors = new uint[11];
    private uint _address, _fixupStart, _fixupEnd, _pageAddress, _pageSize, _processorShift, _romPriority;
    private uint _mode, _priority, _romAddress, _pagePhysical, _romPhysical;

    public override string Model => "kvmvapic";

    public override StructType Section { get; } = new("kvm-tpr-opt", 1);

    public override void Reset()
    {
        Array.Clear(_oneProcessor);
        Array.Clear(_manyProcessors);
        (_address, _fixupStart, _fixupEnd, _pageAddress, _pageSize, _processorShift, _romPriority) = (0, 0, 0, 0, 0, 0, 0);
        (_mode, _priority, _romAddress, _pagePhysical, _romPhysical) = (0, 0, 0, 0, 0);
    }

    public override void Visit(StateVisitor state)
    {
        state.Struct("rom_state", Rom, VisitRom);
        state.UInt32("state", ref _mode);
        state.Demand(_mode != Active, "the guest's accesses to the task priority were rewritten for QEMU; start it there with -global apic-common.vapic=off");
        state.UInt32("real_tpr_addr", ref _priority);
        state.UInt32("rom_state_vaddr", ref _romAddress);
        state.UInt32("vapic_paddr", ref _pagePhysical);
        state.UInt32("rom_state_paddr", ref _romPhysical);
    }

    private void VisitRom(StateVisitor state)
    {
        state.Unused("unused", 8);
        state.UInt32("vaddr", ref _address);
        state.UInt32("fixup_start", ref _fixupStart);
        state.UInt32("fixup_end", ref _fixupEnd);
        state.UInt32("vapic_vaddr", ref _pageAddress);
        state.UInt32("vapic_size", ref _pageSize);
        state.UInt32("vcpu_shift", ref _processorShift);
        state.UInt32("real_tpr_addr", ref _romPriority);
        state.Struct("up", Handlers, inner => VisitHandlers(inner, _oneProcessor));
        state.Struct("mp", Handlers, inner => VisitHandlers(inner, _manyProcessors));
    }

    private static void VisitHandlers(StateVisitor state, uint[] handlers)
    {
        state.UInt32("set_tpr", ref handlers[0]);
        state.UInt32("set_tpr_eax", ref handlers[1]);
        state.UInt32("get_tpr", handlers.AsSpan(2, 8));
        state.UInt32("get_tpr_stack", ref handlers[10]);
    }
}

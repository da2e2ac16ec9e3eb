using System.Buffers.Binary;
using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>Port writes that the kernel keeps instead of coming out of the guest for each: the next processor that comes out takes them to their device, before anything else.</summary>
/// <remarks>
/// Kernel documentation: virt/kvm/api.rst, KVM_REGISTER_COALESCED_MMIO and KVM_CAP_COALESCED_PIO. The ring is one for all of the machine's
/// processors; each finds it in its own shared pages.
/// </remarks>
internal sealed class KvmCoalescedWrites(KvmFile vm)
{
    private readonly Lock _draining = new();
    private int _page; // which of a processor's shared pages the ring is; 0 while nothing is gathered

    /// <summary>Writes to this port wait from now on. A kernel that cannot do it goes on coming out for each.</summary>
    public void Gather(ushort port)
    {
        if (vm.Try(KvmCall.CheckExtension, (long)KvmCapability.CoalescedPio) <= 0) return;
        var zone = new KvmCoalescedZone { Address = port, Size = 1, IsPort = 1 };
        if (vm.Try(KvmCall.RegisterCoalesced, ref zone) >= 0) _page = vm.Call(KvmCall.CheckExtension, (long)KvmCapability.CoalescedMmio);
    }

    /// <summary>After each run of a processor: brings what waits to its device. A write leaves the ring when its device has had it.</summary>
    public void Drain(KvmRunPage page, IMachineBus bus)
    {
        if (_page == 0) return;
        ref KvmCoalescedRing ring = ref page.CoalescedRing(_page);
        if (Volatile.Read(ref ring.First) == Volatile.Read(ref ring.Last)) return;
        lock (_draining)
        {
            for (uint first = ring.First; first != Volatile.Read(ref ring.Last); Volatile.Write(ref ring.First, first))
            {
                ref readonly KvmCoalescedWrite write = ref ring.Writes[(int)first];
                bus.WritePort((ushort)write.Address, (int)write.Length, BinaryPrimitives.ReadUInt32LittleEndian(write.Data));
                first = (first + 1) % KvmCoalescedRing.Capacity;
            }
        }
    }
}

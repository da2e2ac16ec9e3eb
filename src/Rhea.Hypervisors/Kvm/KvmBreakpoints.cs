using Rhea.Core.Cpu;

namespace Rhea.Hypervisors.Kvm;

/// <summary>Breakpoints that are INT3 in the guest's memory, for those that the debug registers have no room for. They are there only while processors run.</summary>
/// <remarks>The processors share the memory, so the first that runs puts one in, and the last that stops takes it out.</remarks>
internal sealed class KvmBreakpoints
{
    private const byte Int3 = 0xCC;

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, (byte Original, int Users)> _inserted = []; // by physical address

    /// <returns>False where nothing can be written: in ROM.</returns>
    public bool Insert(IMachineBus bus, ulong physical)
    {
        lock (_gate)
        {
            if (!_inserted.TryGetValue(physical, out (byte Original, int Users) breakpoint))
            {
                breakpoint.Original = (byte)bus.ReadMemory(physical, 1, smm: false);
                bus.WriteMemory(physical, 1, Int3, smm: false);
                if ((byte)bus.ReadMemory(physical, 1, smm: false) != Int3) return false;
            }

            _inserted[physical] = (breakpoint.Original, breakpoint.Users + 1);
            return true;
        }
    }

    /// <summary>What the guest has written over it meanwhile stays.</summary>
    public void Remove(IMachineBus bus, ulong physical)
    {
        lock (_gate)
        {
            (byte original, int users) = _inserted[physical];
            if (users > 1)
            {
                _inserted[physical] = (original, users - 1);
                return;
            }

            _inserted.Remove(physical);
            if ((byte)bus.ReadMemory(physical, 1, smm: false) == Int3) bus.WriteMemory(physical, 1, original, smm: false);
        }
    }
}

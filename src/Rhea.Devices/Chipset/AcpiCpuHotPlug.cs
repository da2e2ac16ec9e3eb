using Rhea.Core.State;

namespace Rhea.Devices.Chipset;

/// <summary>How the guest learns which processors there are, and of those that come and go: one is selected, then asked about.</summary>
/// <remarks>
/// QEMU's specification "QEMU-ACPI BIOS CPU hotplug interface". It starts as the older interface, a bitmap of the processors by
/// APIC id, until the guest writes 0 to the selector.
/// </remarks>
/// <param name="apicIds">Of all processors there may ever be.</param>
/// <param name="isPresent">Whether one is plugged in.</param>
internal sealed class AcpiCpuHotPlug(IReadOnlyList<uint> apicIds, Func<int, bool> isPresent)
{
    public const int Length = 0x20;
    private const int Selector = 0, Flags = 4, Command = 5, Data = 8, ModernLength = 12;
    private const byte Present = 0x01, Inserting = 0x02, Removing = 0x04;
    private const byte FindEvent = 0, SetOstEvent = 1, SetOstStatus = 2, GetApicId = 3, Commands = 4;

    private static readonly StructType Type = new("CPU hotplug state", 1), ProcessorType = new("CPU hotplug device state", 1);

    private readonly ProcessorEvents[] _events = new ProcessorEvents[apicIds.Count];
    private bool _legacy = true;
    private uint _selected;
    private byte _command;

    public void Reset()
    {
        Array.Clear(_events);
        (_legacy, _selected, _command) = (true, 0, FindEvent);
    }

    public void Visit(StateVisitor state)
    {
        _legacy = !state.Subsection("piix4_pm/cpuhp", 1, !_legacy, cpuhp => cpuhp.Struct("cpuhp_state", Type, hotplug =>
        {
            hotplug.UInt32("selector", ref _selected);
            hotplug.UInt8("command", ref _command);
            hotplug.Structs("devs", ProcessorType, _events.AsSpan(), (ref ProcessorEvents events, StateVisitor processor) =>
            {
                processor.Bool("is_inserting", ref events.Inserting);
                processor.Bool("is_removing", ref events.Removing);
                processor.UInt32("ost_event", ref events.OstEvent);
                processor.UInt32("ost_status", ref events.OstStatus);
            });
        }));
    }

    public ulong Read(uint offset)
    {
        if (_legacy) return PresentMap(offset);
        if (offset >= ModernLength) return ulong.MaxValue;
        if (_selected >= _events.Length) return 0;
        ref ProcessorEvents events = ref _events[_selected];
        return offset switch
        {
            Flags => (isPresent((int)_selected) ? Present : 0u) | (events.Inserting ? Inserting : 0u) | (events.Removing ? Removing : 0u),
            Data when _command == FindEvent => _selected,
            Data when _command == GetApicId => apicIds[(int)_selected],
            _ => 0,
        };
    }

    public void Write(uint offset, ulong value)
    {
        if (_legacy)
        {
            _legacy = offset != Selector || (byte)value != 0; // a byte at a time, whatever its width
            return;
        }

        if (offset == Selector) _selected = (uint)value;
        if (_selected >= _events.Length) return;
        ref ProcessorEvents events = ref _events[_selected];
        switch (offset)
        {
            case Flags:
                if ((value & Inserting) != 0) events.Inserting = false;
                if ((value & Removing) != 0) events.Removing = false;
                break;
            case Command when value < Commands:
                _command = (byte)value;
                if (_command == FindEvent) FindNextEvent();
                break;
            case Data when _command == SetOstEvent:
                events.OstEvent = (uint)value;
                break;
            case Data when _command == SetOstStatus:
                events.OstStatus = (uint)value;
                break;
        }
    }

    /// <summary>Selects the next processor, from the selected one on, of which something is to be told.</summary>
    private void FindNextEvent()
    {
        for (uint i = 0, at = _selected; i < _events.Length; i++, at = (at + 1) % (uint)_events.Length)
        {
            if (!_events[at].Inserting && !_events[at].Removing) continue;
            _selected = at;
            return;
        }
    }

    /// <summary>Eight processors a byte.</summary>
    private byte PresentMap(uint offset)
    {
        var map = 0;
        for (var i = 0; i < apicIds.Count; i++)
            if (apicIds[i] / 8 == offset && isPresent(i)) map |= 1 << (int)(apicIds[i] % 8);
        return (byte)map;
    }

    private struct ProcessorEvents
    {
        public bool Inserting, Removing;
        public uint OstEvent, OstStatus;
    }
}

using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Input;

/// <summary>VMware's mouse, which says where the pointer is and not how far it moved. A guest reads it through <see cref="Chipset.VmPort"/>.</summary>
/// <remarks>
/// As in X.org's driver xf86-input-vmmouse: four numbers an event, namely buttons, x, y and wheel. The PS/2 mouse gets the same
/// movements, and its interrupt tells the guest to look here.
/// </remarks>
public sealed class VmMouse : Device, IInputSink
{
    private const uint ReadId = 0x4541_4552, Disable = 0x0000_00F5, RequestRelative = 0x4C45_5252, RequestAbsolute = 0x5342_4152; // commands
    private const uint Version = 0x3442_554A;
    private const ushort Off = 0xFFFF;                            // status
    private const uint Left = 0x20, Right = 0x10, Middle = 0x08, IsRelative = 0x0001_0000;
    private const int QueueSize = 1024, EventLength = 4, MostTaken = 6, Edge = 0xFFFF;

    private readonly uint[] _queue = new uint[QueueSize];
    private ushort _waiting, _status;
    private bool _absolute;

    [NotState("where the user's hands are, not the machine")]
    private int _x, _y, _buttons;

    public VmMouse(IsaSlot slot) => slot.AddInput(this);

    public override string Model => "vmmouse";

    public override StructType Section { get; } = new("vmmouse", 0);

    /// <summary>All ones above while it is off, and how many numbers wait.</summary>
    internal uint Status => (uint)_status << 16 | _waiting;

    private bool IsOn => _status == 0;

    public override void Reset()
    {
        Array.Clear(_queue);
        (_waiting, _status, _absolute) = (0, Off, false);
    }

    public override void Visit(StateVisitor state)
    {
        state.Equal("queue_size", QueueSize);
        state.UInt32("queue", _queue);
        state.UInt16("nb_queue", ref _waiting);
        state.Demand(_waiting <= QueueSize, $"nb_queue was {_waiting}");
        state.UInt16("status", ref _status);
        state.UInt8("absolute", ref _absolute);
    }

    public void Key(string key, bool down)
    {
    }

    public void Move(int dx, int dy, int wheel)
    {
        if (!IsOn) return;
        if (_absolute)
        {
            (_x, _y) = (Math.Clamp(_x + dx, 0, Edge), Math.Clamp(_y + dy, 0, Edge));
            Report(_x, _y, wheel);
        }
        else
        {
            Report(dx, -dy, wheel);
        }
    }

    public void Button(int button, bool down)
    {
        _buttons = down ? _buttons | 1 << button : _buttons & ~(1 << button);
        if (IsOn) Report(_absolute ? _x : 0, _absolute ? _y : 0, 0);
    }

    internal void Command(uint command)
    {
        switch (command)
        {
            case Disable:
                _status = Off;
                break;
            case ReadId when _waiting < QueueSize:
                _queue[_waiting++] = Version;
                _status = 0;
                break;
            case RequestRelative or RequestAbsolute:
                _absolute = command == RequestAbsolute;
                break;
        }
    }

    /// <summary>Takes the oldest numbers of the queue. Who wants more than there is switches the mouse off.</summary>
    /// <returns>How many were taken.</returns>
    internal int Take(int count, Span<uint> into)
    {
        if (count is < 1 or > MostTaken || count > _waiting)
        {
            _status = Off;
            return 0;
        }

        _queue.AsSpan(0, count).CopyTo(into);
        _waiting -= (ushort)count;
        _queue.AsSpan(count, _waiting).CopyTo(_queue);
        return count;
    }

    private void Report(int x, int y, int wheel)
    {
        if (_waiting > QueueSize - EventLength) return;
        uint buttons = ((_buttons & 1) != 0 ? Left : 0) | ((_buttons & 2) != 0 ? Right : 0) | ((_buttons & 4) != 0 ? Middle : 0);
        ((uint[])[buttons | (_absolute ? 0 : IsRelative), (uint)x, (uint)y, (uint)wheel]).CopyTo(_queue, _waiting);
        _waiting += EventLength;
    }
}

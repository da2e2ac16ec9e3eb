using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Input;

/// <summary>A PS/2 mouse that turns into a wheel mouse (IntelliMouse) or one with five buttons (Explorer) when its driver asks.</summary>
/// <remarks>
/// IBM PS/2 Hardware Interface Technical Reference, 1988, "Mouse"; Microsoft, IntelliMouse: the sample rates 200, 100, 80 ask for
/// the wheel, 200, 200, 80 for all of it. Movements that find no room in the queue are added up and reported later.
/// </remarks>
public sealed class Ps2Mouse : Device
{
    private const byte Scale1 = 0xE6, Scale2 = 0xE7, SetResolution = 0xE8, GetStatus = 0xE9, SetStream = 0xEA, Poll = 0xEB, ResetWrap = 0xEC,
        SetWrap = 0xEE, SetRemote = 0xF0, Identify = 0xF2, SetRate = 0xF3, Enable = 0xF4, Disable = 0xF5, SetDefault = 0xF6, ResetCommand = 0xFF;
    private const byte Ack = 0xFA, SelfTestPassed = 0xAA, Resend = 0xFE;
    private const byte Remote = 0x40, Enabled = 0x20, TwoToOne = 0x10;        // status
    private const byte Plain = 0, Wheel = 3, Explorer = 4;                    // type
    private const int NoCommand = -1;

    private byte _status, _resolution, _rate, _type, _knock, _buttons;
    private bool _wrap;
    private int _dx, _dy, _dz; // not reported yet; y grows upwards, z towards the user

    public override string Model => "ps2-mouse";

    public override StructType Section { get; } = new("ps2mouse", 2);

    internal Ps2Queue Output { get; } = new(answersFirst: false);

    private bool Streams => (_status & (Enabled | Remote)) == Enabled && !_wrap;

    public override void Reset()
    {
        Output.Reset();
        SetDefaults();
        (_type, _knock, _buttons, _wrap, _dx, _dy, _dz) = (Plain, 0, 0, false, 0, 0, 0);
        Output.Changed();
    }

    public override void Visit(StateVisitor state)
    {
        Output.Visit(state);
        state.UInt8("mouse_status", ref _status);
        state.UInt8("mouse_resolution", ref _resolution);
        state.UInt8("mouse_sample_rate", ref _rate);
        state.UInt8("mouse_wrap", ref _wrap);
        state.UInt8("mouse_type", ref _type);
        state.UInt8("mouse_detect_state", ref _knock);
        state.Int32("mouse_dx", ref _dx);
        state.Int32("mouse_dy", ref _dy);
        state.Int32("mouse_dz", ref _dz);
        state.UInt8("mouse_buttons", ref _buttons);
    }

    /// <param name="dx">To the right.</param>
    /// <param name="dy">Downwards, as on a screen.</param>
    /// <param name="wheel">Towards the user.</param>
    public void Move(int dx, int dy, int wheel)
    {
        if ((_status & Enabled) == 0) return;
        (_dx, _dy, _dz) = (Math.Clamp(_dx + dx, -0xFFFF, 0xFFFF), Math.Clamp(_dy - dy, -0xFFFF, 0xFFFF), Math.Clamp(_dz + wheel, -0xFFFF, 0xFFFF));
        ReportMoves();
    }

    /// <param name="button">0 left, 1 right, 2 middle, 3 and 4 at the side.</param>
    /// <param name="down">Pressed or released.</param>
    public void Button(int button, bool down)
    {
        if ((_status & Enabled) == 0 || button is < 0 or > 4) return;
        _buttons = (byte)(down ? _buttons | 1 << button : _buttons & ~(1 << button));
        if (Streams) Report();
    }

    /// <summary>The host has taken a byte: movements that found no room may go now.</summary>
    internal void ReportMoves()
    {
        while (Streams && (_dx | _dy | _dz) != 0 && Report())
        {
        }
    }

    internal void Write(byte value)
    {
        int command = Output.Command;
        Output.Command = NoCommand;
        switch (command)
        {
            case SetRate:
                _rate = value;
                Knock(value);
                Output.Answer(Ack);
                break;
            case SetResolution:
                _resolution = value;
                Output.Answer(Ack);
                break;
            default:
                if (_wrap && value is not (ResetWrap or ResetCommand)) Output.Answer(value);
                else Execute(value);
                break;
        }
    }

    private void Execute(byte command)
    {
        switch (command)
        {
            case Scale1 or Scale2:
                _status = (byte)(command == Scale2 ? _status | TwoToOne : _status & ~TwoToOne);
                break;
            case SetResolution or SetRate:
                Output.Command = command;
                break;
            case GetStatus:
                Output.Answer(Ack, _status, _resolution, _rate);
                return;
            case SetStream or SetRemote:
                _status = (byte)(command == SetRemote ? _status | Remote : _status & ~Remote);
                break;
            case SetWrap or ResetWrap:
                _wrap = command == SetWrap;
                break;
            case Poll:
                Span<byte> answer = stackalloc byte[5];
                answer[0] = Ack;
                int length = Packet(answer[1..]);
                Output.Answer(answer[..(1 + length)]);
                return;
            case Identify:
                Output.Answer(Ack, _type);
                return;
            case Enable or Disable:
                _status = (byte)(command == Enable ? _status | Enabled : _status & ~Enabled);
                break;
            case SetDefault:
                SetDefaults();
                break;
            case ResetCommand:
                SetDefaults();
                (_type, _wrap) = (Plain, false);
                Output.Clear();
                Output.Answer(Ack, SelfTestPassed, _type);
                return;
            default:
                Output.Answer(Resend);
                return;
        }

        Output.Answer(Ack);
    }

    private void SetDefaults() => (_rate, _resolution, _status) = (100, 2, 0);

    /// <summary>Three sample rates in a row that make no sense are a driver asking whether there is a wheel.</summary>
    private void Knock(byte rate)
    {
        switch (_knock, rate)
        {
            case (1, 100):
                _knock = 2;
                break;
            case (1, 200):
                _knock = 3;
                break;
            case (2, 80):
                (_type, _knock) = (Wheel, 0);
                break;
            case (3, 80):
                (_type, _knock) = (Explorer, 0);
                break;
            default:
                _knock = rate == 200 ? (byte)1 : (byte)0;
                break;
        }
    }

    private bool Report()
    {
        (int dx, int dy, int dz) = (_dx, _dy, _dz);
        Span<byte> packet = stackalloc byte[4];
        if (Output.TryReport(packet[..Packet(packet)])) return true;
        (_dx, _dy, _dz) = (dx, dy, dz);
        return false;
    }

    /// <summary>What has moved, as far as it fits, and the buttons.</summary>
    private int Packet(Span<byte> into)
    {
        int dx = Take(ref _dx, 127), dy = Take(ref _dy, 127);
        into[0] = (byte)(0x08 | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0) | (_buttons & 7));
        into[1] = (byte)dx;
        into[2] = (byte)dy;
        switch (_type)
        {
            case Wheel:
                into[3] = (byte)Take(ref _dz, 127);
                return 4;
            case Explorer:
                into[3] = (byte)((Take(ref _dz, 7) & 0x0F) | (_buttons & 0x18) << 1);
                return 4;
            default:
                _dz = 0;
                return 3;
        }
    }

    private static int Take(ref int sum, int most)
    {
        int part = Math.Clamp(sum, -most, most);
        sum -= part;
        return part;
    }
}

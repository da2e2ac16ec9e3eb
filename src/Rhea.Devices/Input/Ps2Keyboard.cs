using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Input;

/// <summary>A PS/2 keyboard with 102 keys and those of multimedia keyboards: scan code sets 1 and 2, and set 2 as the 8042 translates it.</summary>
/// <remarks>IBM PS/2 Hardware Interface Technical Reference, 1988, "Keyboard (101- and 102-key)". It does not repeat keys by itself.</remarks>
public sealed class Ps2Keyboard : Device
{
    private const byte SetLeds = 0xED, Echo = 0xEE, SelectSet = 0xF0, ReadId = 0xF2, SetRate = 0xF3, Enable = 0xF4, DefaultDisable = 0xF5,
        Default = 0xF6, AllKeysBoth = 0xFA, OneKeyBreak = 0xFC, OneKeyMake = 0xFD, Resend = 0xFE, ResetCommand = 0xFF;
    private const byte Ack = 0xFA, SelfTestPassed = 0xAA;
    private const int NoCommand = -1;

    private int _scanning, _translate, _set, _leds;

    [NotState("half of a pair of bytes for set 1; only an older QEMU ever saved it as true")]
    private bool _highBitPending;

    [NotState("keys held, which decide how Print and Pause report; a user holds none while a machine moves")]
    private bool _alt, _control;

    public override string Model => "ps2-kbd";

    public override StructType Section { get; } = new("ps2kbd", 3, Oldest: 2);

    /// <summary>Bit 0 scroll lock, bit 1 num lock, bit 2 caps lock.</summary>
    public int Leds => _leds;

    internal Ps2Queue Output { get; } = new(answersFirst: true);

    /// <summary>The controller translates set 2, as in bit 6 of its command byte.</summary>
    internal bool Translated
    {
        get => _translate != 0;
        set => _translate = value ? 1 : 0;
    }

    public override void Reset()
    {
        Output.Reset();
        SetDefaults();
        (_translate, _alt, _control) = (0, false, false);
    }

    public override void Visit(StateVisitor state)
    {
        Output.Visit(state);
        state.Int32("scan_enabled", ref _scanning);
        state.Int32("translate", ref _translate);
        if (state.Version >= 3) state.Int32("scancode_set", ref _set);
        if (state.Loading) (_leds, _highBitPending) = (0, false);
        state.Subsection("ps2kbd/ledstate", 3, _leds != 0, inner => inner.Int32("ledstate", ref _leds));
        state.Subsection("ps2kbd/need_high_bit", 1, _highBitPending, inner => inner.Bool("need_high_bit", ref _highBitPending));
        Output.VisitAnswer(state);
    }

    /// <summary>A key by QEMU's name; false when no key has that name.</summary>
    public bool Press(string name, bool down)
    {
        if (!Ps2Keys.TryFind(name, out Ps2Key key)) return false;
        if (name is "alt" or "alt_r") _alt = down;
        if (name is "ctrl" or "ctrl_r") _control = down;
        if (_scanning == 0) return true;
        bool set1 = Translated || _set == 1;
        Span<byte> codes = stackalloc byte[8];
        Output.TryReport(codes[..(name switch
        {
            "print" when !_alt => Print(codes, set1, down),
            "pause" when !_control => down ? Pause(codes, set1) : 0,
            "print" => Code(codes, set1, new Ps2Key(0x54, 0x84), down),
            "pause" => Code(codes, set1, new Ps2Key(0xE046, 0xE07E), down),
            _ => Code(codes, set1, key, down),
        })]);
        return true;
    }

    internal void Write(byte value)
    {
        int command = Output.Command;
        Output.Command = NoCommand;
        switch (command)
        {
            case NoCommand:
                Execute(value);
                break;
            case SetLeds:
                _leds = value & 7;
                Output.Answer(Ack);
                break;
            case SelectSet when value == 0:
                Output.Answer(Ack, !Translated ? (byte)_set : _set == 1 ? (byte)0x43 : (byte)0x41);
                break;
            case SelectSet when value is 1 or 2:
                _set = value;
                Output.Answer(Ack);
                break;
            case SelectSet:
                Output.Answer(Resend);
                break;
            default:
                Output.Answer(Ack);
                break;
        }
    }

    private void Execute(byte command)
    {
        switch (command)
        {
            case SetLeds or SelectSet or SetRate:
                Output.Command = command;
                Output.Answer(Ack);
                break;
            case Echo:
                Output.Answer(Echo);
                break;
            case ReadId:
                Output.Answer(Ack, 0xAB, Translated ? (byte)0x41 : (byte)0x83);
                break;
            case Enable:
                _scanning = 1;
                Output.Answer(Ack);
                break;
            case DefaultDisable or Default:
                Output.Clear();
                SetDefaults();
                if (command == DefaultDisable) _scanning = 0;
                Output.Answer(Ack);
                break;
            case 0x00 or AllKeysBoth or OneKeyBreak or OneKeyMake: // for set 3; as QEMU, without effect
                Output.Answer(Ack);
                break;
            case ResetCommand:
                Output.Clear();
                SetDefaults();
                Output.Answer(Ack, SelfTestPassed);
                break;
            default:
                Output.Answer(Resend);
                break;
        }
    }

    private void SetDefaults() => (_scanning, _set, _leds) = (1, 2, 0);

    /// <summary>Set 1 marks a release with bit 7, set 2 with F0h before the code.</summary>
    private static int Code(Span<byte> into, bool set1, Ps2Key key, bool down)
    {
        ushort code = set1 ? key.Set1 : key.Set2;
        var length = 0;
        if (code > 0xFF) into[length++] = (byte)(code >> 8);
        if (!down && !set1) into[length++] = 0xF0;
        into[length++] = (byte)(set1 && !down ? code | 0x80 : code);
        return length;
    }

    /// <summary>Print Screen comes wrapped in a shift that nobody pressed.</summary>
    private static int Print(Span<byte> into, bool set1, bool down)
    {
        ReadOnlySpan<byte> codes = (set1, down) switch
        {
            (true, true) => [0xE0, 0x2A, 0xE0, 0x37],
            (true, false) => [0xE0, 0xB7, 0xE0, 0xAA],
            (false, true) => [0xE0, 0x12, 0xE0, 0x7C],
            (false, false) => [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12],
        };
        codes.CopyTo(into);
        return codes.Length;
    }

    /// <summary>Pause has no release: it is pressed and released at once.</summary>
    private static int Pause(Span<byte> into, bool set1)
    {
        ReadOnlySpan<byte> codes = set1 ? [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5] : [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77];
        codes.CopyTo(into);
        return codes.Length;
    }
}

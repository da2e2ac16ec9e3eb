using Rhea.Core.Backends;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.State;

namespace Rhea.Devices.Input;

/// <summary>The keyboard controller: it passes bytes between the PC and its PS/2 keyboard and mouse. Ports 60h and 64h, IRQ 1 and 12.</summary>
/// <remarks>
/// IBM PS/2 Hardware Interface Technical Reference, 1988, "Keyboard and Auxiliary Device Controller"; Intel 8042. Its output port
/// also holds the A20 gate and the reset line. A byte stays in its device until the PC reads port 60h.
/// </remarks>
public sealed class I8042 : Device, IInputSink
{
    private const byte OutputFull = 0x01, SystemFlag = 0x04, LastWasCommand = 0x08, Unlocked = 0x10, MouseFull = 0x20;       // status
    private const byte KeyboardIrq = 0x01, MouseIrq = 0x02, KeyboardOff = 0x10, MouseOff = 0x20, Translate = 0x40;           // command byte
    private const byte NotReset = 0x01, A20 = 0x02, OutputFullPin = 0x10, MouseFullPin = 0x20, OtherPins = 0xCC;             // output port
    private const byte ReadMode = 0x20, WriteMode = 0x60, DisableMouse = 0xA7, EnableMouse = 0xA8, TestMouse = 0xA9, SelfTest = 0xAA,
        TestKeyboard = 0xAB, DisableKeyboard = 0xAD, EnableKeyboard = 0xAE, ReadInput = 0xC0, ReadOutput = 0xD0, WriteOutput = 0xD1,
        WriteKeyboardBuffer = 0xD2, WriteMouseBuffer = 0xD3, WriteMouse = 0xD4, DisableA20 = 0xDD, EnableA20 = 0xDF, Pulse = 0xF0;
    private const byte OwnForKeyboard = 0x04, OwnForMouse = 0x08, FromKeyboard = 0x10, FromMouse = 0x20;                     // waiting
    private const uint SourceKeyboard = 1, SourceMouse = 2, SourceSelf = 4;

    private static readonly StructType Controller = new("pckbd", 3);

    private readonly Ps2Keyboard _keyboard;
    private readonly Ps2Mouse _mouse;
    private readonly IrqLine _keyboardIrq, _mouseIrq;
    private readonly Action<bool> _setA20;
    private readonly Action _reset;
    private byte _command, _status, _mode, _waiting, _output;
    private byte _lastByte, _own; // read last; of the controller itself
    private uint _source, _flags;

    /// <param name="slot">Its place on the board.</param>
    /// <param name="keyboard">At the first connector.</param>
    /// <param name="mouse">At the second.</param>
    /// <param name="setA20">The A20 gate: true opens it.</param>
    /// <param name="reset">The reset line.</param>
    public I8042(IsaSlot slot, Ps2Keyboard keyboard, Ps2Mouse mouse, Action<bool> setA20, Action reset)
    {
        (_keyboard, _mouse, _setA20, _reset) = (keyboard, mouse, setA20, reset);
        (_keyboardIrq, _mouseIrq) = (slot.Irq(1), slot.Irq(12));
        (keyboard.Output.Changed, mouse.Output.Changed) = (Offer, Offer);
        slot.AddInput(this);
        slot.MapPorts(0x60, new IoRegion("i8042-data", 1, AccessSizes.Byte, (_, _) => ReadData(), (_, _, value) => WriteData((byte)value)));
        slot.MapPorts(0x64, new IoRegion("i8042-cmd", 1, AccessSizes.Byte, (_, _) => _status, (_, _, value) => Execute((byte)value)));
    }

    public override string Model => "i8042";

    public override StructType Section { get; } = new("pckbd", 3);

    public override void Reset()
    {
        (_command, _status, _mode, _waiting) = (0, LastWasCommand | Unlocked, KeyboardIrq | MouseIrq, 0);
        _output = OtherPins | NotReset | A20;
        (_lastByte, _own, _source, _flags) = (0, 0, 0, 0);
        Present();
    }

    public override void Visit(StateVisitor state) => state.Struct("kbd", Controller, VisitController);

    public override void Loaded()
    {
        _keyboardIrq.Restore(KeyboardAsks);
        _mouseIrq.Restore(MouseAsks);
    }

    public void Key(string key, bool down) => _keyboard.Press(key, down);

    public void Move(int dx, int dy, int wheel) => _mouse.Move(dx, dy, wheel);

    public void Button(int button, bool down) => _mouse.Button(button, down);

    private bool KeyboardAsks => (_status & (OutputFull | MouseFull)) == OutputFull && (_mode & (KeyboardIrq | KeyboardOff)) == KeyboardIrq;

    private bool MouseAsks => (_status & (OutputFull | MouseFull)) == (OutputFull | MouseFull) && (_mode & MouseIrq) != 0;

    /// <summary>What the output port holds when nobody wrote to it.</summary>
    private byte IdleOutput => (byte)(OtherPins | NotReset | A20 | ((_status & OutputFull) != 0 ? OutputFullPin : 0) | ((_status & MouseFull) != 0 ? MouseFullPin : 0));

    private void VisitController(StateVisitor state)
    {
        state.UInt8("write_cmd", ref _command);
        state.UInt8("status", ref _status);
        state.UInt8("mode", ref _mode);
        state.UInt8("pending_tmp", ref _waiting);
        if (!state.Subsection("pckbd_outport", 1, _output != IdleOutput, inner => inner.UInt8("outport", ref _output)) && state.Loading) _output = IdleOutput;
        state.Subsection("pckbd/extended_state", 0, true, inner =>
        {
            inner.UInt32("migration_flags", ref _flags);
            inner.UInt32("obsrc", ref _source);
            inner.UInt8("obdata", ref _lastByte);
            inner.UInt8("cbdata", ref _own);
        });
    }

    /// <summary>A byte in the output buffer stays there until it is read; only an empty one takes the next.</summary>
    private void Offer()
    {
        if ((_status & OutputFull) == 0) Present();
    }

    /// <summary>Puts the next byte before the PC: the controller's own first, then the keyboard's, then the mouse's.</summary>
    private void Present()
    {
        _waiting = (byte)((_waiting & (OwnForKeyboard | OwnForMouse)) | (_keyboard.Output.HasData ? FromKeyboard : 0) | (_mouse.Output.HasData ? FromMouse : 0));
        int ready = _waiting & ~(_mode & (KeyboardOff | MouseOff));
        bool forMouse = (ready & OwnForKeyboard) == 0 && ((ready & OwnForMouse) != 0 || (ready & FromKeyboard) == 0);
        _status &= unchecked((byte)~(OutputFull | MouseFull));
        _output &= unchecked((byte)~(OutputFullPin | MouseFullPin));
        if (ready != 0)
        {
            _status |= (byte)(forMouse ? OutputFull | MouseFull : OutputFull);
            _output |= (byte)(forMouse ? OutputFullPin | MouseFullPin : OutputFullPin);
            _source = (ready & (OwnForKeyboard | OwnForMouse)) != 0 ? SourceSelf : forMouse ? SourceMouse : SourceKeyboard;
        }

        UpdateIrq();
    }

    private void UpdateIrq()
    {
        _keyboardIrq.Set(KeyboardAsks);
        _mouseIrq.Set(MouseAsks);
    }

    private byte ReadData()
    {
        if ((_status & OutputFull) == 0) return _lastByte;
        bool forMouse = (_status & MouseFull) != 0;
        _keyboardIrq.Set(false);
        _mouseIrq.Set(false);
        _lastByte = _source switch
        {
            SourceKeyboard => _keyboard.Output.Read(),
            SourceMouse => _mouse.Output.Read(),
            _ => _own,
        };
        if (_source == SourceSelf) _waiting &= unchecked((byte)~(forMouse ? OwnForMouse : OwnForKeyboard));
        if (_source == SourceMouse) _mouse.ReportMoves();
        Present();
        return _lastByte;
    }

    private void WriteData(byte value)
    {
        byte command = _command;
        _command = 0;
        switch (command)
        {
            case WriteMode:
                _mode = value;
                _keyboard.Translated = (value & Translate) != 0;
                UpdateIrq();
                Offer();
                break;
            case WriteOutput:
                SetOutput(value);
                break;
            case WriteKeyboardBuffer:
                Say(value, OwnForKeyboard);
                break;
            case WriteMouseBuffer:
                Say(value, OwnForMouse);
                break;
            case WriteMouse:
                _mode &= unchecked((byte)~MouseOff);
                _mouse.Write(value);
                break;
            default:
                _mode &= unchecked((byte)~KeyboardOff);
                _keyboard.Write(value);
                break;
        }
    }

    private void Execute(byte command)
    {
        switch (command)
        {
            case ReadMode:
                Say(_mode, OwnForKeyboard);
                break;
            case WriteMode or WriteOutput or WriteKeyboardBuffer or WriteMouseBuffer or WriteMouse:
                _command = command;
                break;
            case DisableMouse or DisableKeyboard:
                _mode |= command == DisableMouse ? MouseOff : KeyboardOff;
                UpdateIrq();
                break;
            case EnableMouse or EnableKeyboard:
                _mode &= (byte)~(command == EnableMouse ? MouseOff : KeyboardOff);
                UpdateIrq();
                Offer();
                break;
            case TestMouse or TestKeyboard:
                Say(0x00, OwnForKeyboard);
                break;
            case SelfTest:
                _status |= SystemFlag;
                Say(0x55, OwnForKeyboard);
                break;
            case ReadInput:
                Say(0x80, OwnForKeyboard); // keyboard not locked
                break;
            case ReadOutput:
                Say(_output, OwnForKeyboard);
                break;
            case DisableA20 or EnableA20:
                _output = (byte)(command == EnableA20 ? _output | A20 : _output & ~A20);
                _setA20(command == EnableA20);
                break;
            case >= Pulse when (command & NotReset) == 0: // the low bits name the pins to pull down for a moment
                _reset();
                break;
        }
    }

    private void SetOutput(byte value)
    {
        _output = value;
        _setA20((value & A20) != 0);
        if ((value & NotReset) == 0) _reset();
    }

    private void Say(byte value, byte whom)
    {
        _own = value;
        _waiting |= whom;
        Offer();
    }
}

using System.Globalization;
using System.Text;
using Rhea.Control.Monitor;
using Rhea.Control.Monitor.Hmp;
using Rhea.Core.Backends;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Monitor;

namespace Rhea.Control.Gdb;

/// <summary>GDB's side of a machine: a stub of its remote serial protocol on a character device. Each processor is a thread.</summary>
/// <remarks>
/// GDB manual, appendix E. The machine stops when a debugger comes and goes on when it leaves. Addresses are linear, so a breakpoint
/// set before the guest turns paging on still holds afterwards. Packets are served on the machine's thread, outside its lock.
/// </remarks>
public sealed class GdbServer : ICharFrontend
{
    private const int Room4K = 4096;
    private const string Done = "OK", Invalid = "E22", BadAddress = "E14", Unknown = "";

    private readonly Monitored _monitored;
    private readonly Machine _machine;
    private readonly MonitorPort _port;
    private readonly GdbPackets _packets;
    private readonly SortedSet<ulong> _breakpoints = [];
    private readonly HashSet<Watchpoint> _watchpoints = [];
    private int _current, _visit;
    private bool _running, _physical;

    public GdbServer(Monitored monitored, ICharBackend backend)
    {
        (_monitored, _machine) = (monitored, monitored.Machine);
        _port = new MonitorPort(backend, _machine.Loop);
        _packets = new GdbPackets(_port.Send);
        _packets.Received += packet => Post(() => Serve(packet));
        _packets.Interrupted += () => Post(() => _machine.Stop());
        _machine.Happened += OnEvent;
        backend.Attach(this);
    }

    public int Room => Room4K;

    private Processor Current => _machine.Processors[Math.Min(_current, _machine.Processors.Count - 1)];

    public void Receive(ReadOnlySpan<byte> bytes) => _packets.Add(bytes);

    public void CanWrite() => _port.Flush();

    public void Break()
    {
    }

    public void Connected(bool open)
    {
        _visit++;
        _port.Clear();
        _packets.Reset();
        _machine.Request(open ? Welcome : Leave);
    }

    private void Welcome()
    {
        (_running, _physical, _current) = (false, false, 0);
        if (_machine.State == RunState.Running) _machine.Stop();
    }

    /// <summary>The machine goes on without it, unless something else than the debugger has stopped it.</summary>
    private void Leave()
    {
        bool stopped = !_running;
        _running = false;
        _breakpoints.Clear();
        _watchpoints.Clear();
        if (_machine.State is RunState.Running) _machine.WhilePaused(() => SetStops(stepping: null));
        else SetStops(stepping: null);
        if (stopped && _machine.State is RunState.Debug or RunState.Paused) _machine.Start();
    }

    private void Post(Action work)
    {
        int visit = _visit;
        _machine.Request(() =>
        {
            if (visit == _visit) work();
        });
    }

    private void Serve(byte[] packet)
    {
        if (_running) return; // nothing but an interruption is allowed meanwhile
        try
        {
            if (Answer(packet) is { } answer) _packets.Send(answer);
        }
        catch (Exception error) when (error is FormatException or OverflowException)
        {
            _packets.Send(Invalid);
        }
    }

    /// <summary>Null when there is no answer, or it comes when the machine stops.</summary>
    private string? Answer(byte[] packet)
    {
        if (packet.Length == 0) return Unknown;
        string text = Encoding.Latin1.GetString(packet), rest = text[1..];
        switch (text[0])
        {
            case '?': return StopReply();
            case 'g': return ReadAll();
            case 'G': return WriteAll(Convert.FromHexString(rest));
            case 'p': return Number(rest) is var number && number < (ulong)GdbRegisters.All.Count ? Read(GdbRegisters.All[(int)number]) : Invalid;
            case 'P': return WriteOne(rest);
            case 'm': return ReadMemory(rest);
            case 'M': return WriteMemory(rest, Convert.FromHexString(Fields(rest, ':', 2)[1]));
            case 'X': return WriteMemory(rest, packet[(Fields(text, ':', 2)[0].Length + 1)..]);
            case 'Z' or 'z': return ChangeStop(text[0] == 'Z', Fields(rest, ',', 3));
            case 'c' or 'C': return Go(stepping: null);
            case 's' or 'S': return Go(Current);
            case 'H' when rest.Length > 1: return Select(rest[1..]);
            case 'T': return Thread(rest) is not null ? Done : Invalid;
            case 'D':
                _packets.Send(Done);
                Leave();
                if (_machine.State == RunState.Prelaunch) _machine.Start();
                return null;
            case 'k':
                _machine.Quit();
                return null;
            case 'v': return AnswerV(rest);
            case 'q': return AnswerQuery(rest);
            case 'Q': return AnswerSetting(rest);
            default: return Unknown;
        }
    }

    private string? AnswerV(string text)
    {
        if (text == "Cont?") return "vCont;c;C;s;S";
        if (text.StartsWith("Kill", StringComparison.Ordinal))
        {
            _packets.Send(Done);
            _machine.Quit();
            return null;
        }

        if (!text.StartsWith("Cont;", StringComparison.Ordinal)) return Unknown;
        Processor? stepping = null;
        foreach (string action in text.Split(';')[1..])
        {
            string[] parts = action.Split(':');
            if (parts[0].Length == 0 || "cCsS".IndexOf(parts[0][0], StringComparison.Ordinal) < 0) return Invalid;
            if (parts[0][0] is 's' or 'S') stepping ??= parts.Length > 1 ? Thread(parts[1]) ?? Current : Current;
        }

        return Go(stepping);
    }

    private string AnswerQuery(string text)
    {
        string[] parts = text.Split(':', ',');
        switch (parts[0])
        {
            case "Supported": return $"PacketSize={GdbPackets.Longest - 16:x};qXfer:features:read+;vContSupported+;QStartNoAckMode+";
            case "Xfer" when text.StartsWith("Xfer:features:read:target.xml:", StringComparison.Ordinal): return Piece(GdbRegisters.Description, Number(parts[^2]), Number(parts[^1]));
            case "C": return $"QC{_current + 1:x2}";
            case "Attached": return "1";
            case "fThreadInfo": return "m" + string.Join(',', _machine.Processors.Select(processor => $"{processor.Index + 1:x2}"));
            case "sThreadInfo": return "l";
            case "ThreadExtraInfo": return Thread(Fields(text, ',', 2)[1]) is { } thread ? Hex(Encoding.ASCII.GetBytes($"CPU#{thread.Index} [{thread.Fetch().State.Activity.ToString().ToLowerInvariant()}]")) : Invalid;
            case "Rcmd": return Command(Encoding.UTF8.GetString(Convert.FromHexString(Fields(text, ',', 2)[1])));
            case "qemu.PhyMemMode": return _physical ? "1" : "0";
            default: return Unknown;
        }
    }

    private string? AnswerSetting(string text)
    {
        switch (text)
        {
            case "StartNoAckMode":
                _packets.Send(Done);
                _packets.Acknowledges = false;
                return null;
            case "qemu.PhyMemMode:0" or "qemu.PhyMemMode:1":
                _physical = text.EndsWith('1');
                return Done;
            default: return Unknown;
        }
    }

    // Running and stopping

    private string? Go(Processor? stepping)
    {
        SetStops(stepping);
        _running = true;
        _machine.Start();
        return null;
    }

    private bool SetStops(Processor? stepping)
    {
        foreach (Processor processor in _machine.Processors)
            processor.Vcpu.DebugStops = new DebugStops([.. _breakpoints], [.. _watchpoints], SingleStep: processor == stepping);
        return true;
    }

    private void OnEvent(MachineEvent happened)
    {
        if (!_running) return;
        if (happened is ShutdownEvent && _machine.State == RunState.Running)
        {
            _packets.Send("W00");
        }
        else if (happened is StoppedEvent)
        {
            _running = false;
            _current = _machine.Processors.FirstOrDefault(processor => processor.Vcpu.DebugHit is not null)?.Index ?? _current;
            _packets.Send(StopReply());
        }
    }

    private string StopReply()
    {
        string signal = _machine.State switch
        {
            RunState.Debug or RunState.Prelaunch => "05", // SIGTRAP
            RunState.InternalError or RunState.GuestPanicked => "06", // SIGABRT
            RunState.Shutdown => "03", // SIGQUIT
            _ => "02", // SIGINT
        };
        string watch = Current.Vcpu.DebugHit?.Watchpoint is { } point
            ? $"{(point is { OnRead: true, OnWrite: true } ? "awatch" : point.OnRead ? "rwatch" : "watch")}:{point.Address:x};"
            : "";
        return $"T{signal}thread:{_current + 1:x2};{watch}";
    }

    private string ChangeStop(bool insert, string[] parts)
    {
        ulong address = Number(parts[1]);
        if (parts[0] is "0" or "1")
        {
            if (insert) _breakpoints.Add(address);
            else _breakpoints.Remove(address);
            return Done;
        }

        if (parts[0] is not ("2" or "3" or "4")) return Unknown;
        var watch = new Watchpoint(address, Number(parts[2]), OnRead: parts[0] is "3" or "4", OnWrite: parts[0] is "2" or "4");
        if (insert) _watchpoints.Add(watch);
        else _watchpoints.Remove(watch);
        return Done;
    }

    // Threads

    private string Select(string thread)
    {
        if (thread is "-1" or "0") return Done;
        if (Thread(thread) is not { } processor) return Invalid;
        _current = processor.Index;
        return Done;
    }

    private Processor? Thread(string text)
    {
        if (text is "-1" or "0") return Current;
        ulong number = Number(text);
        return number >= 1 && number <= (ulong)_machine.Processors.Count ? _machine.Processors[(int)number - 1] : null;
    }

    private string Command(string line)
    {
        string output = HmpDispatcher.Run(new MonitorSession(_monitored) { Cpu = _current }, line);
        return output.Length == 0 ? Done : Hex(Encoding.UTF8.GetBytes(output));
    }

    // Registers

    private string ReadAll()
    {
        CpuState cpu = Current.Fetch().State;
        return string.Concat(GdbRegisters.All.Select(register => Show(register, in cpu)));
    }

    private string Read(GdbRegister register) => Show(register, in Current.Fetch().State);

    private static string Show(GdbRegister register, in CpuState cpu)
    {
        UInt128 value = register.Get(in cpu);
        var bytes = new byte[register.Bytes];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(value >> (i * 8));
        return Hex(bytes);
    }

    private string WriteOne(string text)
    {
        string[] parts = Fields(text, '=', 2);
        if (Number(parts[0]) is var number && number >= (ulong)GdbRegisters.All.Count) return Invalid;
        GdbRegister register = GdbRegisters.All[(int)number];
        byte[] bytes = Convert.FromHexString(parts[1]);
        if (register.Set is null || bytes.Length != register.Bytes) return Invalid;
        CpuRegisters registers = Current.Fetch();
        register.Set(ref registers.State, Value(bytes));
        Current.Vcpu.Write(registers);
        return Done;
    }

    /// <summary>Registers that may not be changed are left as they are.</summary>
    private string WriteAll(byte[] bytes)
    {
        CpuRegisters registers = Current.Fetch();
        var at = 0;
        foreach (GdbRegister register in GdbRegisters.All)
        {
            if (at + register.Bytes > bytes.Length) break;
            register.Set?.Invoke(ref registers.State, Value(bytes.AsSpan(at, register.Bytes)));
            at += register.Bytes;
        }

        Current.Vcpu.Write(registers);
        return Done;
    }

    private static UInt128 Value(ReadOnlySpan<byte> bytes)
    {
        UInt128 value = 0;
        for (int i = bytes.Length - 1; i >= 0; i--) value = value << 8 | bytes[i];
        return value;
    }

    // Memory

    private string ReadMemory(string text)
    {
        string[] parts = Fields(text, ',', 2);
        var bytes = new byte[Math.Min(Number(parts[1]), GdbPackets.Longest / 2 - 16)];
        ulong address = Number(parts[0]);
        var done = 0;
        foreach ((ulong physical, int at, int length) in Pages(address, bytes.Length))
        {
            GuestView.Read(_machine, physical, bytes.AsSpan(at, length));
            done = at + length;
        }

        return done == 0 && bytes.Length > 0 ? BadAddress : Hex(bytes.AsSpan(0, done));
    }

    private string WriteMemory(string range, byte[] bytes)
    {
        string[] parts = Fields(Fields(range, ':', 2)[0], ',', 2);
        if (Number(parts[1]) != (ulong)bytes.Length) return Invalid;
        var done = 0;
        using MachineLoop.Held held = _machine.Loop.Enter();
        foreach ((ulong physical, int at, int length) in Pages(Number(parts[0]), bytes.Length))
        {
            if (!new GuestMemory(_machine.Memory).Write(physical, bytes.AsSpan(at, length))) return BadAddress;
            done = at + length;
        }

        return done == bytes.Length ? Done : BadAddress;
    }

    private IEnumerable<(ulong Physical, int At, int Length)> Pages(ulong address, int length) =>
        _physical ? [(address, 0, length)] : GuestView.Pages(Current, address, length);

    private static string Piece(string text, ulong offset, ulong length)
    {
        if (offset >= (ulong)text.Length) return "l";
        string left = text[(int)offset..];
        return length < (ulong)left.Length ? "m" + left[..(int)length] : "l" + left;
    }

    /// <exception cref="FormatException">There are fewer.</exception>
    private static string[] Fields(string text, char separator, int count)
    {
        string[] fields = text.Split(separator, count);
        return fields.Length == count ? fields : throw new FormatException();
    }

    private static ulong Number(string hex) => ulong.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}

using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>
/// A guest that does what its serial port tells it: BIOS calls, port and memory accesses. One boot sector, so the same commands
/// can be given to Rhea and to Debian's QEMU, and what then is on the screen compared.
/// </summary>
internal sealed class Puppet : IAsyncDisposable
{
    private const ushort Command = 0x600, Stack = 0x7C00, Com1 = 0x3F8;
    private const int CommandLength = 13;
    private const byte Greeting = (byte)'!';

    private readonly Emulator _emulator;
    private readonly MemoryStream _commands = new();
    private int _answers = 1;
    private int _pictures;

    private Puppet(Emulator emulator) => _emulator = emulator;

    private enum Operation : byte
    {
        Interrupt10,
        Out,
        OutWord,
        In,
        Poke,
        Fill,
        Scatter,
        Peek,
        Acknowledge,
    }

    /// <summary>All that the guest has read, in the order in which it was asked.</summary>
    public byte[] Answers => System.Text.Encoding.Latin1.GetBytes(_emulator.Output);

    public static string[] Options(TemporaryFolder folder)
    {
        File.WriteAllBytes(folder["puppet"], GuestCode.BootDisk(63, Write));
        return ["-display", "none", "-nic", "none", "-serial", "stdio", "-drive", $"if=ide,format=raw,snapshot=on,file={folder["puppet"]}", .. Emulator.WithMonitor];
    }

    public static Puppet On(Emulator emulator) => new(emulator);

    public void Bios(ushort ax, ushort bx = 0, ushort cx = 0, ushort dx = 0, ushort bp = 0) => Add(Operation.Interrupt10, ax, bx, cx, dx, 0, bp);

    public void Out(ushort port, byte value) => Add(Operation.Out, value, dx: port);

    public void OutWord(ushort port, ushort value) => Add(Operation.OutWord, value, dx: port);

    /// <summary>A register behind an index.</summary>
    public void Set(ushort port, byte index, byte value) => OutWord(port, (ushort)(value << 8 | index));

    public void In(ushort port)
    {
        Add(Operation.In, dx: port);
        _answers++;
    }

    public void Poke(ushort segment, ushort offset, params ReadOnlySpan<byte> bytes)
    {
        Add(Operation.Poke, cx: (ushort)bytes.Length, es: segment, di: offset);
        _commands.Write(bytes);
    }

    public void Fill(ushort segment, ushort offset, ushort words, ushort value) => Add(Operation.Fill, value, cx: words, es: segment, di: offset);

    /// <summary>Bytes without a pattern, the same for the same seed, but for the bits that a mask clears and those that are set.</summary>
    public void Scatter(ushort segment, ushort offset, ushort bytes, ushort seed, byte mask = 0xFF, byte set = 0) =>
        Add(Operation.Scatter, seed, cx: bytes, dx: (ushort)(set << 8 | mask), es: segment, di: offset);

    public void Peek(ushort segment, ushort offset)
    {
        Add(Operation.Peek, es: segment, di: offset);
        _answers++;
    }

    /// <summary>Has all of it done.</summary>
    public async Task Do()
    {
        await _emulator.Until(() => _emulator.Output.Length > 0, "the puppet's greeting");
        Add(Operation.Acknowledge);
        _answers++;
        await _emulator.Type(_commands.ToArray());
        _commands.SetLength(0);
        await _emulator.Until(() => _emulator.Output.Length >= _answers, "the puppet's answers");
    }

    /// <summary>What a monitor at the display adapter shows, as a PPM file.</summary>
    public async Task<byte[]> Picture()
    {
        string file = _emulator.InFolder($"{_pictures++}.ppm");
        Assert.Equal("", await _emulator.Monitor($"screendump {file}"));
        byte[] picture = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        File.Delete(file);
        return picture;
    }

    public ValueTask DisposeAsync() => _emulator.DisposeAsync();

    private void Add(Operation operation, ushort ax = 0, ushort bx = 0, ushort cx = 0, ushort dx = 0, ushort es = 0, ushort di = 0)
    {
        _commands.WriteByte((byte)operation);
        foreach (ushort register in (ushort[])[ax, bx, cx, dx, di, es])
        {
            _commands.WriteByte((byte)register);
            _commands.WriteByte((byte)(register >> 8));
        }
    }

    private static void Write(Assembler code)
    {
        Label next = code.CreateLabel(), read = code.CreateLabel(), send = code.CreateLabel();
        code.mov(ss, ax);
        code.mov(sp, Stack);
        code.cld();
        foreach ((byte register, byte value) in ((byte, byte)[])[(3, 3), (1, 0), (2, 7), (4, 3)])
        {
            code.mov(dx, (ushort)(Com1 + register));
            code.mov(al, value);
            code.@out(dx, al);
        }

        code.mov(al, Greeting);
        code.call(send);

        code.Label(ref next);
        code.xor(ax, ax);
        code.mov(es, ax);
        code.mov(di, Command);
        code.mov(cx, CommandLength);
        Repeat(() => code.stosb());
        code.mov(cx, __word_ptr[Command + 5]);
        code.les(di, __dword_ptr[Command + 9]);
        foreach ((Operation operation, Action does) in new Dictionary<Operation, Action>
        {
            [Operation.Interrupt10] = () =>
            {
                Registers();
                code.mov(bp, di);
                code.@int(0x10);
                code.cld();
            },
            [Operation.Out] = () =>
            {
                Registers();
                code.@out(dx, al);
            },
            [Operation.OutWord] = () =>
            {
                Registers();
                code.@out(dx, ax);
            },
            [Operation.In] = () =>
            {
                Registers();
                code.@in(al, dx);
                code.call(send);
            },
            [Operation.Poke] = () => Repeat(() => code.stosb()),
            [Operation.Fill] = () =>
            {
                Registers();
                code.rep.stosw();
            },
            [Operation.Scatter] = () =>
            {
                Label again = code.CreateLabel();
                Registers();
                code.mov(bx, ax);
                code.Label(ref again);
                code.imul(bx, bx, 25173);
                code.add(bx, 13849);
                code.mov(al, bh);
                code.and(al, dl);
                code.or(al, dh);
                code.stosb();
                code.loop(again);
            },
            [Operation.Peek] = () =>
            {
                code.mov(al, __byte_ptr.es[di]);
                code.call(send);
            },
            [Operation.Acknowledge] = () =>
            {
                code.mov(al, (sbyte)'.');
                code.call(send);
            },
        })
        {
            Label skip = code.CreateLabel();
            code.cmp(__byte_ptr[Command], (byte)operation);
            code.jne(skip);
            does();
            code.jmp(next);
            code.Label(ref skip);
        }

        code.jmp(next);

        code.Label(ref read); // a byte from the serial port
        code.mov(dx, Com1 + 5);
        code.@in(al, dx);
        code.test(al, 1);
        code.jz(read);
        code.mov(dx, Com1);
        code.@in(al, dx);
        code.ret();

        code.Label(ref send);
        code.mov(dx, Com1);
        code.@out(dx, al);
        code.ret();

        void Registers()
        {
            code.mov(ax, __word_ptr[Command + 1]);
            code.mov(bx, __word_ptr[Command + 3]);
            code.mov(cx, __word_ptr[Command + 5]);
            code.mov(dx, __word_ptr[Command + 7]);
        }

        void Repeat(Action store)
        {
            Label again = code.CreateLabel();
            code.Label(ref again);
            code.call(read);
            store();
            code.loop(again);
        }
    }
}

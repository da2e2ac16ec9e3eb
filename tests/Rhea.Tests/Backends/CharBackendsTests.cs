using System.Net.Sockets;
using System.Text;
using Rhea.Backends.Char;
using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Config;
using Xunit;

namespace Rhea.Tests.Backends;

public sealed class CharBackendsTests : IDisposable
{
    private readonly TestLoop _loop = new();
    private readonly CharBackends _backends;
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"rhea-{Guid.NewGuid():N}");
    private bool _quit;

    public CharBackendsTests() => _backends = new CharBackends(_loop, new MuxChar.Actions(() => _quit = true, () => { }, () => 61_500));

    public void Dispose()
    {
        _backends.Dispose();
        File.Delete(_path);
    }

    [Fact]
    public void A_file_has_all_that_the_guest_wrote()
    {
        ICharBackend file = Open("file", ("path", _path));
        var bytes = new byte[300_000];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * 7);

        for (var at = 0; at < bytes.Length;) at += file.Write(bytes.AsSpan(at));
        _backends.Dispose();

        Assert.Equal(bytes, File.ReadAllBytes(_path));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_named()
    {
        var error = Assert.Throws<ConfigException>(() => Open("file", ("path", "/nope/x")));

        Assert.Equal("-chardev c: Could not open '/nope/x': No such file or directory", error.Message);
    }

    [Fact]
    public void A_client_talks_with_the_guest_goes_and_comes_again()
    {
        ICharBackend backend = Open("socket", ("path", _path), ("server", "on"), ("wait", "off"));
        var guest = new Listener(backend);
        backend.Attach(guest);

        for (var visit = 1; visit <= 2; visit++)
        {
            using (Socket client = Connect())
            {
                _loop.Until(() => guest.IsConnected);
                client.Send("hello"u8);
                _loop.Until(() => guest.Heard.Length == 5 * visit);
                backend.Write("login: "u8);
                var answer = new byte[7];
                for (var got = 0; got < 7;) got += client.Receive(answer.AsSpan(got));
                Assert.Equal("login: "u8, answer);
            }

            _loop.Until(() => !guest.IsConnected);
        }

        Assert.Equal(5, backend.Write("is anybody there?"u8[..5])); // lost, not kept for a stranger
    }

    [Fact]
    public void A_server_nobody_runs_is_named()
    {
        var error = Assert.Throws<ConfigException>(() => Open("socket", ("path", _path)));

        Assert.Equal($"-chardev c: Failed to connect to '{_path}': No such file or directory", error.Message);
    }

    [Fact]
    public void A_lost_server_is_gone_to_again()
    {
        ICharBackend backend = Open("socket", ("path", _path), ("reconnect", "1"));
        var guest = new Listener(backend);
        backend.Attach(guest);
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(_path));
        server.Listen(1);

        _loop.Until(() => guest.IsConnected);

        Assert.True(guest.IsConnected);
    }

    [Fact]
    public void What_the_guest_has_no_room_for_waits()
    {
        var stream = new CharStream(_loop);
        var guest = new Listener(stream, room: 3);
        stream.Attach(guest);
        stream.Open(new MemoryStream([.. "abcdefgh"u8]), null, outlivesInput: true);

        _loop.Until(() => guest.Heard == "abc");
        guest.MakeRoom(2);
        Assert.Equal("abcde", guest.Heard);
        guest.MakeRoom(9);
        Assert.Equal("abcdefgh", guest.Heard);
        stream.Dispose();
    }

    [Fact]
    public void What_the_host_does_not_take_is_offered_again()
    {
        var stream = new CharStream(_loop);
        using var host = new SlowStream();
        stream.Open(null, host);

        int taken = stream.Write(new byte[1 << 20]);

        Assert.InRange(taken, 1, 128 * 1024);
        host.Go();
        stream.Dispose();
        Assert.Equal(taken, host.Written);
    }

    [Fact]
    public void Ctrl_A_c_moves_the_keyboard_to_the_next()
    {
        var keyboard = new RingChar();
        var mux = new MuxChar(keyboard, new MuxChar.Actions(() => _quit = true, () => { }, () => 61_500));
        ICharBackend first = mux.NewPort(), second = mux.NewPort();
        Listener serial = new(first), monitor = new(second);
        first.Attach(serial);
        second.Attach(monitor);

        keyboard.Send("a\u0001cb\u0001\u0001\u0001cc\u0001b"u8);

        Assert.Equal(("ac", "b\u0001", 1), (serial.Heard, monitor.Heard, serial.Breaks));
        Assert.Equal((true, false), (serial.HasFocus, monitor.HasFocus));
        keyboard.Send("\u0001x"u8);
        Assert.True(_quit);
    }

    [Theory]
    [InlineData("\ec\e[?7l\e[2Jboot\e[1;31mred", "\e[0m\e7\e[2;1H\n\n\e8boot\e[1;31mred")]
    [InlineData("\e[H\e[J\e[1;1H\e[Jdown\e[J", "\e[H\e7\e[2;1H\n\n\e8\e[1;1H\e7\e[2;1H\n\n\e8down\e[J")]
    [InlineData("\e[?25;7h\e[?7;12l\e[3J", "\e[?25h\e[?12l")]
    public void A_terminal_keeps_its_screen_and_its_line_wrap(string guest, string terminal)
    {
        var screen = new MemoryStream();
        var output = new TerminalOutputStream(screen, rows: 2);

        foreach (byte value in Encoding.ASCII.GetBytes(guest)) output.Write([value], 0, 1);

        Assert.Equal(terminal, Encoding.ASCII.GetString(screen.ToArray()));
    }

    [Fact]
    public void A_terminal_is_left_without_the_modes_and_the_scroll_region_that_the_guest_has_set()
    {
        var screen = new MemoryStream();
        var output = new TerminalOutputStream(screen, rows: 2);

        output.Write("\e[?1049h\e[?2004h\e[?2004l\e[?25l\e[1;10r"u8);
        int before = (int)screen.Length;
        output.Dispose();

        Assert.Equal("\e[0m\e7\e[r\e8\e[?25h\e[?1049l\e[?25h\e[?7h", Encoding.ASCII.GetString(screen.ToArray()[before..]));
    }

    [Fact]
    public void A_ring_keeps_the_last_bytes()
    {
        var ring = new RingChar(4);

        ring.Write("abcdef"u8);

        Assert.Equal("cdef"u8, ring.Read(0));
        Assert.Equal("f"u8, ring.Read(5));
        Assert.Equal(6, ring.Written);
    }

    private ICharBackend Open(string backend, params (string Key, string Value)[] keys) =>
        _backends.Open(new ChardevConfig("c", backend, [.. keys.Select(key => KeyValuePair.Create(key.Key, key.Value))]) { Origin = "-chardev c" });

    private Socket Connect()
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_path));
        return client;
    }

    /// <summary>A host that takes nothing until it is told to.</summary>
    private sealed class SlowStream : MemoryStream
    {
        private readonly ManualResetEventSlim _go = new();

        public long Written { get; private set; }

        public void Go() => _go.Set();

        public override void Write(byte[] buffer, int offset, int count)
        {
            _go.Wait();
            Written += count;
        }
    }
}

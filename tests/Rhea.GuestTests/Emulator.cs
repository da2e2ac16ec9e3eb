using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>A running emulator as its user has it: a command line, what it prints, what is typed, and its monitor on a socket.</summary>
/// <remarks>It speaks only QEMU's interfaces, so the same test can run on Debian's QEMU (<see cref="Qemu"/>) to compare.</remarks>
internal sealed partial class Emulator : IAsyncDisposable
{
    private static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("RHEA_TEST_PATIENCE") ?? "240", null));

    private readonly TemporaryFolder _folder = new();
    private readonly Process _process;
    private readonly StringBuilder _output = new(), _errors = new();
    private readonly Task _reading;
    private readonly string _program;
    private Socket? _monitor;

    private Emulator(string program, IEnumerable<string> before, IEnumerable<string> arguments)
    {
        _program = program;
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
        };
        foreach (string argument in before.Concat(arguments)) start.ArgumentList.Add(argument.Replace("$DIR", _folder[""].TrimEnd('/'), StringComparison.Ordinal));
        _process = Process.Start(start)!;
        _reading = Task.WhenAll(Collect(_process.StandardOutput, _output), Collect(_process.StandardError, _errors));
    }

    /// <summary>All that the emulator printed on its standard output: the serial port, where the test put it there.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    public string Errors
    {
        get
        {
            lock (_errors) return _errors.ToString();
        }
    }

    /// <summary>How long it may take to what a test waits for.</summary>
    public TimeSpan Patience { get; init; } = UsualPatience;

    public int ProcessId => _process.Id;

    /// <summary>A file in the folder that the arguments call <c>$DIR</c>.</summary>
    public string InFolder(string name) => _folder[name];

    /// <summary>Starts rhea: the native executable if <c>./publish</c> has made it, else the build. <c>$DIR</c> in an argument is a folder of this run.</summary>
    /// <remarks>
    /// <c>RHEA_TEST_PROGRAM=qemu-system-x86_64</c> runs the tests on another emulator, to see whether a test is right;
    /// <c>RHEA_TEST_OPTIONS="-accel tcg,jit=off"</c> gives each of ours more options.
    /// </remarks>
    public static Emulator Rhea(params string[] arguments)
    {
        (string program, string[] before) = Program();
        bool chosen = before.Concat(arguments).Any(argument => argument.StartsWith("-accel", StringComparison.Ordinal) || argument.Contains("accel=", StringComparison.Ordinal));
        return new Emulator(program, chosen ? before : [.. before, "-accel", "tcg"], arguments); // a host with KVM would choose that
    }

    /// <summary>Starts rhea with these arguments and no others.</summary>
    public static Emulator Bare(params string[] arguments)
    {
        (string program, string[] before) = Program();
        return new Emulator(program, before, arguments);
    }

    /// <summary>Starts Debian's cloud kernel with its console on standard output; it runs a script, and then powers the machine off.</summary>
    public static Emulator Linux(string script, params string[] options) => Rhea(
        ["-m", "256", "-display", "none", "-serial", "stdio", "-nic", "none", "-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd,
        "-append", $"console=ttyS0 quiet panic=-1 -- {script}", .. options]);

    /// <summary>A script for the end of a kernel's command line: Linux gives init 32 words at most, and a word with = in it goes into the environment.</summary>
    public static string InFewWords(string script) => $"echo {Convert.ToBase64String(Encoding.ASCII.GetBytes(script.PadRight((script.Length + 2) / 3 * 3)))}|base64 -d|sh";

    /// <summary>Starts rhea on a terminal of its own, and says afterwards whether the terminal's settings are what they were.</summary>
    /// <remarks>The terminal is util-linux's <c>script</c>: what is typed here is typed there, what it shows is <see cref="Output"/>.</remarks>
    public static Emulator OnTerminal(params string[] arguments)
    {
        (string program, string[] before) = Program();
        string command = string.Join(' ', [program, .. before, .. arguments]);
        return new Emulator("script", ["-qefc", $"stty -g >$DIR/before; {command}; echo status $?; stty -g >$DIR/after; cmp $DIR/before $DIR/after && echo same settings", "/dev/null"], []);
    }

    public static Emulator Qemu(params string[] arguments) =>
        new(Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86"), ["-M", "pc-i440fx-7.2", "-accel", "tcg"], arguments);

    /// <summary>Starts a program that has an emulator somewhere in it.</summary>
    public static Emulator Other(TimeSpan patience, string program, params string[] arguments) => new(program, [], arguments) { Patience = patience };

    /// <summary>The options that put a monitor where <see cref="Monitor"/> finds it.</summary>
    public static string[] WithMonitor { get; } = ["-monitor", "unix:$DIR/monitor,server=on,wait=off"];

    /// <summary>Waits until the text has been printed; fails with all of the output when it is not, or when the emulator ends before.</summary>
    public async Task WaitFor(string text, TimeSpan? patience = null)
    {
        await Until(() => Output.Contains(text, StringComparison.Ordinal), $"'{text}' on standard output", patience);
    }

    /// <summary>Waits for something to become true, as long as the emulator lives.</summary>
    public async Task Until(Func<bool> condition, string what, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (_process.HasExited)
            {
                await _reading;
                if (condition()) return;
                Assert.Fail($"{_program} ended with status {_process.ExitCode} before {what}\n--- output\n{Output}\n--- errors\n{Errors}");
            }

            if (watch.Elapsed > (patience ?? Patience)) Assert.Fail($"waited in vain for {what}\n--- output\n{Output}\n--- errors\n{Errors}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until the VGA's text screen shows the text.</summary>
    public async Task WaitForScreen(string text, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        string screen;
        while (!(screen = await Screen()).Contains(text, StringComparison.Ordinal))
        {
            if (watch.Elapsed > (patience ?? Patience)) Assert.Fail($"waited in vain for '{text}' on the screen\n--- screen\n{screen}\n--- errors\n{Errors}");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The 80 by 25 characters at B8000h, as lines.</summary>
    public async Task<string> Screen()
    {
        string dump = await Monitor("xp /2000hx 0xb8000");
        byte[] cells = [.. Cell().Matches(dump).Select(match => Convert.ToByte(match.Groups[1].Value[^2..], 16))];
        var lines = cells.Chunk(80).Select(line => Encoding.Latin1.GetString(line).Replace('\0', ' ').TrimEnd());
        return string.Join('\n', lines);
    }

    /// <summary>One command of the human monitor; its answer without the echo.</summary>
    public async Task<string> Monitor(string command)
    {
        if (_monitor is null)
        {
            _monitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await Until(() => Connects(_monitor, _folder["monitor"]), "the monitor's socket");
            await Prompt(_monitor);
        }

        await _monitor.SendAsync(Encoding.ASCII.GetBytes(command + "\n"));
        string answer = await Prompt(_monitor);
        int echo = answer.IndexOf('\n', StringComparison.Ordinal);
        return answer[(echo + 1)..].Replace("\r", "", StringComparison.Ordinal);
    }

    /// <summary>False while there is no such socket, or nobody listens to it yet.</summary>
    private static bool Connects(Socket socket, string path)
    {
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Types on the emulator's standard input.</summary>
    public Task Type(string text) => Type(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends bytes to the emulator's standard input.</summary>
    public async Task Type(byte[] bytes)
    {
        await _process.StandardInput.BaseStream.WriteAsync(bytes);
        await _process.StandardInput.BaseStream.FlushAsync();
    }

    /// <summary>Waits for the end, which must be a success.</summary>
    public async Task Succeeds()
    {
        int status = await Exit();
        Assert.True(status == 0, $"{_program} ends with {status}\n--- output\n{Output}\n--- errors\n{Errors}");
    }

    /// <summary>Waits for the end and returns the exit status.</summary>
    public async Task<int> Exit(TimeSpan? patience = null)
    {
        using var late = new CancellationTokenSource(patience ?? Patience);
        try
        {
            await _process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{_program} does not end\n--- output\n{Output}\n--- errors\n{Errors}");
        }

        await _reading;
        return _process.ExitCode;
    }

    /// <summary>Sends a signal to the process whose number is in <c>$DIR/pid</c>.</summary>
    public async Task Signal(string signal)
    {
        await Until(() => File.Exists(_folder["pid"]), "the pid file");
        using Process kill = Process.Start("kill", [signal, (await File.ReadAllTextAsync(_folder["pid"])).Trim()]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _monitor?.Dispose();
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    private static (string Program, string[] Before) Program()
    {
        if (Environment.GetEnvironmentVariable("RHEA_TEST_PROGRAM") is { Length: > 0 } other) return (other, []);
        string native = Path.Combine(Assets.Root, "out/rhea");
        bool quick = Environment.GetEnvironmentVariable("RHEA_TEST_QUICK") == "1" || !File.Exists(native);
        string[] more = Environment.GetEnvironmentVariable("RHEA_TEST_OPTIONS")?.Split(' ') ?? [];
        return quick ? ("dotnet", [Path.Combine(Assets.Root, "artifacts/bin/Rhea.Cli/release/Rhea.Cli.dll"), .. more]) : (native, more);
    }

    private async Task<string> Prompt(Socket monitor)
    {
        var text = new StringBuilder();
        var buffer = new byte[65536];
        using var late = new CancellationTokenSource(Patience);
        do
        {
            int length = await monitor.ReceiveAsync(buffer, late.Token);
            if (length == 0) break;
            text.Append(Encoding.Latin1.GetString(buffer, 0, length));
        }
        while (!text.ToString().EndsWith("(qemu) ", StringComparison.Ordinal));
        return text.ToString()[..^Math.Min(7, text.Length)];
    }

    private static async Task Collect(StreamReader from, StringBuilder into)
    {
        var buffer = new char[4096];
        for (int length; (length = await from.ReadAsync(buffer)) > 0;)
        {
            lock (into) into.Append(buffer, 0, length);
        }
    }

    [GeneratedRegex("0x([0-9a-f]{4})\\b")]
    private static partial Regex Cell();
}

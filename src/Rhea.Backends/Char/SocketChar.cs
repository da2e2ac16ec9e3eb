using System.Net.Sockets;
using Rhea.Core;
using Rhea.Core.Backends;

namespace Rhea.Backends.Char;

/// <summary>A byte stream through a socket: waits for a client, one at a time, or goes to a server and comes back when it is lost.</summary>
public sealed class SocketChar : ICharBackend, IDisposable
{
    private readonly CharStream _stream;
    private readonly SynchronizationContext _loop;
    private readonly Options _options;
    private readonly CancellationTokenSource _end = new();
    private Socket? _listener;

    /// <exception cref="ConfigException">The address cannot be listened on, or nobody answers there.</exception>
    public SocketChar(SynchronizationContext loop, Options options)
    {
        (_loop, _options, _stream) = (loop, options, new CharStream(loop));
        _stream.Closed += OnClosed;
        if (options.Server) Listen();
        else Connect();
    }

    public int Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public void Attach(ICharFrontend? frontend) => _stream.Attach(frontend);

    public void ResumeReading() => _stream.ResumeReading();

    public void Dispose()
    {
        _end.Cancel();
        _listener?.Dispose();
        if (_listener is not null && _options.Address is UnixDomainSocketEndPoint) FileErrors.TryDelete(_options.Path);
        _stream.Dispose();
    }

    private void Listen()
    {
        try
        {
            if (_options.Address is UnixDomainSocketEndPoint) File.Delete(_options.Path);
            _listener = NewSocket();
            _listener.Bind(_options.Address);
            _listener.Listen(1);
        }
        catch (Exception error) when (error is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"Failed to bind socket to {_options.Path}: {Reason(error)}", error);
        }

        if (_options.Wait) Use(_listener.Accept()); // the machine waits with us
        else Accept();
    }

    /// <summary>One client at a time: the next is answered when this one has gone.</summary>
    private void Accept() => _ = Task.Run(async () =>
    {
        try
        {
            Socket client = await _listener!.AcceptAsync(_end.Token);
            _loop.Post(_ => Use(client), null);
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    });

    private void Connect()
    {
        Socket socket = NewSocket();
        try
        {
            socket.Connect(_options.Address);
        }
        catch (SocketException error)
        {
            socket.Dispose();
            if (_options.Reconnect is null) throw new ConfigException($"Failed to connect to '{_options.Path}': {Reason(error)}", error);
            Retry();
            return;
        }

        Use(socket);
    }

    private void Retry() => _ = Task.Run(async () =>
    {
        try
        {
            await Task.Delay(_options.Reconnect!.Value, _end.Token);
            _loop.Post(_ => Connect(), null);
        }
        catch (OperationCanceledException)
        {
        }
    });

    private void Use(Socket socket)
    {
        if (_end.IsCancellationRequested)
        {
            socket.Dispose();
            return;
        }

        if (socket.ProtocolType == ProtocolType.Tcp) socket.NoDelay = true;
        var stream = new NetworkStream(socket, ownsSocket: true);
        Stream output = stream, input = stream;
        if (_options.Telnet) input = new TelnetInputStream(stream);
        _stream.Open(input, output);
        if (_options.Telnet) _stream.Write(TelnetInputStream.Greeting);
    }

    private void OnClosed()
    {
        if (_end.IsCancellationRequested) return;
        if (_options.Server) Accept();
        else if (_options.Reconnect is not null) Retry();
    }

    private Socket NewSocket() => _options.Address is UnixDomainSocketEndPoint
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(_options.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

    private static string Reason(Exception error) => error switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => "Connection refused",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "No such file or directory",
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } => "Address already in use",
        SocketException { SocketErrorCode: SocketError.AccessDenied } => "Permission denied",
        _ => error.Message,
    };

    /// <param name="Address">Where to listen, or to go.</param>
    /// <param name="Path">The address as the user wrote it.</param>
    /// <param name="Server">Listen; else go there.</param>
    /// <param name="Wait">The machine is not built before the first client has come.</param>
    /// <param name="Reconnect">How long after a loss to go there again; null is never.</param>
    /// <param name="Telnet">The other end speaks telnet, and is asked for single characters.</param>
    public sealed record Options(System.Net.EndPoint Address, string Path, bool Server, bool Wait, TimeSpan? Reconnect, bool Telnet);
}

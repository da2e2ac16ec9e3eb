using System.Net.Sockets;
using System.Text;

namespace Rhea.GuestTests;

/// <summary>Ports and physical memory as a processor's accesses find them.</summary>
internal interface IGuestBus
{
    uint In(int port, int size = 1);

    void Out(int port, uint value, int size = 1);

    ulong Read(ulong address, int size);

    void Write(ulong address, ulong value, int size);
}

/// <summary>The bus of an emulator on which no processor runs, by QEMU's qtest protocol.</summary>
internal sealed class Qtest : IGuestBus, IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
    private readonly NetworkStream _stream;
    private readonly StreamReader _answers;

    public Qtest(string path)
    {
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _stream = new NetworkStream(_socket);
        _answers = new StreamReader(_stream, Encoding.ASCII);
    }

    /// <summary>The options with which an <see cref="Emulator"/> offers it, on the file "qtest" in its folder.</summary>
    public static string[] Options { get; } = ["-qtest", "unix:$DIR/qtest,server=on,wait=off", "-qtest-log", "/dev/null"];

    public uint In(int port, int size) => (uint)Ask($"in{Letter(size)} 0x{port:x}");

    public void Out(int port, uint value, int size) => Ask($"out{Letter(size)} 0x{port:x} 0x{value:x}");

    public ulong Read(ulong address, int size) => Ask($"read{Letter(size)} 0x{address:x}");

    public void Write(ulong address, ulong value, int size) => Ask($"write{Letter(size)} 0x{address:x} 0x{value:x}");

    public void Dispose()
    {
        _answers.Dispose();
        _stream.Dispose();
        _socket.Dispose();
    }

    private static char Letter(int size) => size switch { 1 => 'b', 2 => 'w', 4 => 'l', _ => 'q' };

    private ulong Ask(string command)
    {
        _stream.Write(Encoding.ASCII.GetBytes(command + "\n"));
        string answer = _answers.ReadLine() ?? throw new EndOfStreamException($"the emulator went at {command}");
        if (!answer.StartsWith("OK", StringComparison.Ordinal)) throw new InvalidDataException($"{command}: {answer}");
        return answer.Length > 3 ? Convert.ToUInt64(answer[3..], 16) : 0;
    }
}

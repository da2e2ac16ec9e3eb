using System.Text;
using Rhea.Core.Backends;
using Rhea.Core.Monitor;

namespace Rhea.Control.Monitor.Hmp;

/// <summary>The human monitor on a character device: a prompt, a line, an answer.</summary>
public sealed class HmpServer : ICharFrontend
{
    private readonly Monitored _monitored;
    private readonly MonitorPort _port;
    private readonly MonitorSession _session;
    private readonly LineEditor _editor;
    private readonly Queue<byte> _keys = [];
    private readonly StringBuilder _held = new();
    private bool _hasFocus = true, _greeted, _busy;

    public HmpServer(Monitored monitored, ICharBackend backend)
    {
        (_monitored, _session) = (monitored, new MonitorSession(monitored));
        _port = new MonitorPort(backend, monitored.Machine.Loop);
        _editor = new LineEditor(_session.History, Show, HmpDispatcher.Completions(monitored.HmpCommands));
        _editor.Entered += Enter;
        backend.Attach(this);
    }

    public int Room => _keys.Count < 4096 ? 4096 : 0;

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        foreach (byte key in bytes) _keys.Enqueue(key);
        Type();
    }

    public void CanWrite() => _port.Flush();

    public void Break()
    {
    }

    public void Connected(bool open)
    {
        _port.Clear();
        _keys.Clear();
        _greeted = open;
        if (!open) return;
        Show("QEMU 7.2.22 monitor - type 'help' for more information\n");
        if (_hasFocus) _editor.Start();
    }

    /// <summary>On a terminal that it shares, it says nothing while another has the keyboard.</summary>
    public void Focused(bool focus)
    {
        if (focus == _hasFocus) return;
        if (!focus && _greeted) Show("\n");
        _hasFocus = focus;
        if (!focus || !_greeted) return;
        Show("");
        _editor.Start();
    }

    /// <summary>A command runs on the machine's thread; keys typed meanwhile wait.</summary>
    private void Enter(string line)
    {
        _busy = true;
        _monitored.Machine.Request(() =>
        {
            string answer = HmpDispatcher.Run(_session, line);
            using var held = _monitored.Machine.Loop.Enter();
            Show(answer);
            _busy = false;
            _editor.Start();
            Type();
        });
    }

    private void Type()
    {
        while (!_busy && _keys.TryDequeue(out byte key)) _editor.Key(key);
    }

    private void Show(string text)
    {
        _held.Append(text);
        if (!_hasFocus) return;
        _port.Send(Encoding.UTF8.GetBytes(_held.Replace("\n", "\r\n").ToString()));
        _held.Clear();
    }
}

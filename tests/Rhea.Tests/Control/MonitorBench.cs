using System.Collections.Concurrent;
using System.Text;
using Rhea.Backends.Char;
using Rhea.Control.Monitor;
using Rhea.Core.Config;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Monitor;
using Rhea.Core.Pci;
using Rhea.Devices;
using Rhea.Devices.Chipset;
using Rhea.Tests.Cpu;
using Xunit;

namespace Rhea.Tests.Control;

/// <summary>A small machine whose loop turns on a thread of its own, with monitors on character devices in memory.</summary>
internal sealed class MonitorBench : IDisposable
{
    private readonly Thread _thread;

    public MonitorBench()
    {
        Machine = TinyBoard.Build(new FakeAccelerator(hosted: false));
        var bus = (PciBus)Machine.Devices["pci.0"].Device;
        Machine.Parts.Add("pm", bus, 0x0B, slot => new Piix4Pm(slot, new(new IrqInput(_ => { }), () => { }, [0], _ => true), new()));
        Monitored = Monitors.Of(Machine, new MachineConfig { Name = "vm1" }, DeviceCatalog.All);
        _thread = new Thread(() => End = Machine.Run());
        _thread.Start();
    }

    public Machine Machine { get; }

    public Monitored Monitored { get; }

    public MachineEnd? End { get; private set; }

    public Client Qmp(bool pretty = false) => new(this, new MonitorConfig("c", Qmp: true, pretty));

    public Client Hmp() => new(this, new MonitorConfig("c", Qmp: false, Pretty: false));

    public void WaitForEnd() => Assert.True(_thread.Join(TimeSpan.FromSeconds(20)), "the machine goes on");

    public void Dispose()
    {
        Machine.Request(() => Machine.Quit());
        WaitForEnd();
        Machine.Dispose();
    }

    /// <summary>One at the other end of a monitor.</summary>
    internal sealed class Client
    {
        private readonly MonitorBench _bench;
        private readonly RingChar _line = new();
        private readonly BlockingCollection<string> _pieces = [];
        private string _heard = "";

        public Client(MonitorBench bench, MonitorConfig config)
        {
            _bench = bench;
            _line.Sent += bytes => _pieces.Add(Encoding.UTF8.GetString(bytes.Span));
            bench.Machine.Loop.Post(_ => Monitors.Open(bench.Monitored, config, _line), null);
        }

        public void Say(string text) => _bench.Machine.Loop.Post(_ => _line.Send(Encoding.UTF8.GetBytes(text)), null);

        /// <summary>Says a line and returns the line that answers it.</summary>
        public string Ask(string line)
        {
            Say(line + "\n");
            return Line();
        }

        public string Line() => Until("\r\n")[..^2];

        /// <summary>All up to and with an ending.</summary>
        public string Until(string ending)
        {
            int at;
            while ((at = _heard.IndexOf(ending, StringComparison.Ordinal)) < 0)
            {
                Assert.True(_pieces.TryTake(out string? piece, TimeSpan.FromSeconds(20)), $"no '{ending}' after: {_heard}");
                _heard += piece;
            }

            string whole = _heard[..(at + ending.Length)];
            _heard = _heard[whole.Length..];
            return whole;
        }
    }
}

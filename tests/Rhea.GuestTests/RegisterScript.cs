using System.Diagnostics;
using System.Globalization;
using Rhea.Core.Machines;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>Accesses to ports, memory and PCI configuration, done here and by Debian's QEMU through its qtest protocol, time standing still.</summary>
internal sealed class RegisterScript
{
    private const ushort PciAddress = 0xCF8, PciData = 0xCFC;
    private const int Patience = 2000, Batch = 200;

    private readonly List<Access> _accesses = [];

    private enum Space
    {
        Port,
        Memory,
    }

    public void Out(uint port, uint value, int size = 1) => _accesses.Add(new Access(Space.Port, port, size, value));

    public void In(uint port, int size = 1) => _accesses.Add(new Access(Space.Port, port, size, null));

    public void Write(ulong address, ulong value, int size = 4) => _accesses.Add(new Access(Space.Memory, address, size, value));

    public void Read(ulong address, int size = 4) => _accesses.Add(new Access(Space.Memory, address, size, null));

    /// <summary>Reads a port until some bits are as they should be; only the last answer counts.</summary>
    public void Await(uint port, byte mask, byte value) => _accesses.Add(new Access(Space.Port, port, 1, null, (mask, value)));

    /// <param name="function">Device × 8 + function on the first bus.</param>
    /// <param name="register">Offset.</param>
    /// <param name="value">What.</param>
    /// <param name="size">Bytes.</param>
    public void WriteConfig(int function, int register, uint value, int size = 4)
    {
        Out(PciAddress, Select(function, register), 4);
        Out(PciData + ((uint)register & 3), value, size);
    }

    public void ReadConfig(int function, int register, int size = 4)
    {
        Out(PciAddress, Select(function, register), 4);
        In(PciData + ((uint)register & 3), size);
    }

    /// <summary>Where the two answer differently: a line each, with the accesses before the first.</summary>
    public async Task<string> Differences(params string[] options)
    {
        string[] machine = ["-S", "-display", "none", "-nic", "none", "-rtc", "base=2001-02-03T04:05:06,clock=vm", .. options];
        ulong[] theirs = await AnswersOfQemu(machine), here = AnswersHere(machine);
        string[] lines = [.. _accesses.Index().Where(step => step.Item.Value is null && here[step.Index] != theirs[step.Index])
            .Select(step => $"{step.Index}: {step.Item} QEMU {theirs[step.Index]:x}, here {here[step.Index]:x}")];
        if (lines.Length == 0) return "";
        int first = int.Parse(lines[0].Split(':')[0], CultureInfo.InvariantCulture);
        IEnumerable<string> before = Enumerable.Range(Math.Max(first - 24, 0), Math.Min(first, 24)).Select(i => $"{_accesses[i]}{(_accesses[i].Value is null ? $" {here[i]:x}" : "")}");
        return $"{lines.Length} of {_accesses.Count} differ\n  after {string.Join("; ", before)}\n  {string.Join("\n  ", lines.Take(12))}\n";
    }

    private static uint Select(int function, int register) => 0x8000_0000 | (uint)function << 8 | (uint)register & 0xFC;

    private ulong[] AnswersHere(string[] options)
    {
        using VirtualMachine virtualMachine = VirtualMachine.Create(["-accel", "tcg", .. options]);
        Machine machine = virtualMachine.Machine;
        var answers = new ulong[_accesses.Count];
        machine.Reset();
        for (var i = 0; i < answers.Length; i++)
        {
            Access access = _accesses[i];
            int left = Patience;
            do
            {
                using (machine.Loop.Enter()) answers[i] = Do(machine, access);
                machine.Loop.Drain();
            }
            while (access.Until is { } until && ((byte)answers[i] & until.Mask) != until.Value && --left > 0);
            Assert.Null(machine.Loop.Fault);
        }

        return answers;
    }

    private static ulong Do(Machine machine, Access access)
    {
        switch (access)
        {
            case { Space: Space.Port, Value: { } value }:
                machine.Ports.Write((ushort)access.Address, access.Size, (uint)value);
                return 0;
            case { Space: Space.Port }:
                return machine.Ports.Read((ushort)access.Address, access.Size);
            case { Value: { } value }:
                machine.Memory.Write(access.Address, access.Size, value);
                return 0;
            default:
                return machine.Memory.Read(access.Address, access.Size);
        }
    }

    private async Task<ulong[]> AnswersOfQemu(string[] options)
    {
        string program = Assets.Installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86");
        var start = new ProcessStartInfo(program, ["-M", "pc-i440fx-7.2", "-accel", "tcg", "-qtest", "stdio", "-qtest-log", "/dev/null", .. options])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process qemu = Process.Start(start)!;
        Task<string> errors = qemu.StandardError.ReadToEndAsync();
        var answers = new ulong[_accesses.Count];
        try
        {
            for (int i = 0, asked = 0; i < answers.Length; i++)
            {
                for (bool more = asked == i; more; more = asked < answers.Length && asked < i + Batch && _accesses[asked - 1].Until is null) // who polls sees what comes of it first
                    await qemu.StandardInput.WriteLineAsync(_accesses[asked++].InQtest());
                await qemu.StandardInput.FlushAsync();
                int left = Patience;
                while (true)
                {
                    answers[i] = Answer(await qemu.StandardOutput.ReadLineAsync() ?? $"nothing after {_accesses[i]}: {await errors}");
                    if (_accesses[i].Until is not { } until || ((byte)answers[i] & until.Mask) == until.Value || --left == 0) break;
                    await qemu.StandardInput.WriteLineAsync(_accesses[i].InQtest());
                    await qemu.StandardInput.FlushAsync();
                }
            }
        }
        finally
        {
            qemu.Kill();
        }

        return answers;
    }

    private static ulong Answer(string line)
    {
        Assert.StartsWith("OK", line);
        return line.Length > 2 ? ulong.Parse(line.AsSpan(5), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0;
    }

    private sealed record Access(Space Space, ulong Address, int Size, ulong? Value, (byte Mask, byte Value)? Until = null)
    {
        public string InQtest()
        {
            string verb = Space == Space.Port ? Value is null ? "in" : "out" : Value is null ? "read" : "write";
            char width = Size switch { 1 => 'b', 2 => 'w', 4 => 'l', _ => 'q' };
            return $"{verb}{width} 0x{Address:x}{(Value is { } value ? $" 0x{value:x}" : "")}";
        }

        public override string ToString() => InQtest().Replace("0x", "", StringComparison.Ordinal);
    }
}

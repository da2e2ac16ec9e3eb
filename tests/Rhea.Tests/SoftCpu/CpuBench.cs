using System.Diagnostics;
using Iced.Intel;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;
using Rhea.SoftCpu;
using Rhea.X86.Cpuid;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>A processor, a megabyte of RAM and a port that remembers what was written to it.</summary>
internal sealed class CpuBench : IMachineBus, IDisposable
{
    public const ushort Port = 0x402;
    public const uint DeadlineMsr = 0x6E0;
    public const ulong MemorySize = 16 << 20;
    private const uint Stubs = 0x3800;

    private readonly SoftAccelerator _accelerator;
    private readonly RamBlock _ram = new("pc.ram", MemorySize, new HostRam());
    private readonly CpuConfig _model;
    private readonly List<IVcpu> _others = [];

    /// <param name="model">As for <c>-cpu</c>: a model, then features to add.</param>
    /// <param name="warmth">How often code is interpreted before it is translated; negative: always. RHEA_TEST_WARMTH=0 translates in all tests that do not say.</param>
    /// <param name="timeFlows">Time is the host's; else it is what the test says.</param>
    /// <param name="log">Takes what guest code does.</param>
    public CpuBench(string model = "max", int? warmth = null, bool timeFlows = false, ExecutionLog? log = null)
    {
        TimeFlows = timeFlows;
        _accelerator = new SoftAccelerator(message => throw new InvalidOperationException(message),
            warmth ?? int.Parse(Environment.GetEnvironmentVariable("RHEA_TEST_WARMTH") ?? "-1", null), log);
        string[] words = model.Split(',');
        _model = new CpuConfig { Model = words[0], Features = [.. words[1..].Select(name => new KeyValuePair<string, bool>(name, true))] };
        var root = MemoryRegion.Frame("system", MemoryRegion.Everything);
        root.Add(0, MemoryRegion.Ram(_ram));
        root.Add(0xFFFF_0000, MemoryRegion.Window("rom", MemoryRegion.Ram(_ram), 0xF_0000, 0x1_0000));
        var space = new AddressSpace(root);
        _accelerator.Attach(space, space);
        Memory = new GuestMemory(space);
        Cpu = Create(0);
        Registers.Reset(0x663);
        Cpu.Write(Registers);
    }

    public IVcpu Cpu { get; }

    public GuestMemory Memory { get; }

    public RamBlock Ram => _ram;

    public CpuRegisters Registers { get; } = new(0);

    public ref CpuState State => ref Registers.State;

    /// <summary>What the guest wrote to <see cref="Port"/>.</summary>
    public List<uint> Written { get; } = [];

    /// <summary>What the next INTA cycle answers.</summary>
    public int Vector { get; set; } = -1;

    public ulong ApicPage => ulong.MaxValue;

    public byte TaskPriority { get; set; }

    public long Time
    {
        get => TimeFlows ? Stopwatch.GetTimestamp() : field;
        set;
    }

    public bool TimeFlows { get; }

    /// <summary>IA32_TSC_DEADLINE as the local APIC has it: guest time in nanoseconds.</summary>
    public ulong Deadline { get; set; }

    /// <summary>Another processor of the same machine, with the registers that this one has now.</summary>
    public IVcpu AddProcessor()
    {
        IVcpu added = Create(_others.Count + 1);
        _others.Add(added);
        added.Write(Registers);
        return added;
    }

    /// <summary>Puts code at an address, as assembled by the callback.</summary>
    public void Assemble(int bits, ulong address, Action<Assembler> code) => Memory.Write(address, Bytes(bits, address, code));

    /// <summary>Puts a function in 64-bit code at an address that returns a number in EDX.</summary>
    public void AssembleNumber(ulong address, int number) => Assemble(64, address, code =>
    {
        code.mov(edx, number);
        code.ret();
    });

    /// <summary>What TR holds for a task state segment at 3000h.</summary>
    public static Segment TaskState => new() { Selector = 0x40, Base = 0x3000, Limit = 0x67, Flags = 0x8B00 };

    /// <summary>The code and the stack segment become a user's, in 64-bit code.</summary>
    public static void EnterUser64(ref CpuState state)
    {
        state.Segments[1] = new Segment { Selector = 0x33, Limit = uint.MaxValue, Flags = 0xA0_FB00 };
        state.Segments[2] = new Segment { Selector = 0x23, Limit = uint.MaxValue, Flags = 0xC0_F300 };
    }

    public static byte[] Bytes(int bits, ulong address, Action<Assembler> code)
    {
        var assembler = new Assembler(bits);
        code(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }

    /// <summary>Starts with these registers, as <paramref name="set"/> changes them.</summary>
    public void Set(Action<CpuRegisters> set)
    {
        Cpu.Read(Registers);
        set(Registers);
        Cpu.Write(Registers);
    }

    /// <summary>Runs to HLT, at most so many instructions, and reads the registers.</summary>
    public VcpuStop Run(long budget = 1_000_000)
    {
        VcpuStop stop = Cpu.Run(budget);
        Cpu.Read(Registers);
        return stop;
    }

    /// <summary>32-bit protected mode with flat segments and no paging: selectors 8 and 10h at level 0, 1Bh and 23h at level 3.</summary>
    public void Protected32(ulong rip, ulong rsp = 0x9000) => Set(registers =>
    {
        WriteFlatTables();
        ref CpuState state = ref registers.State;
        state.Cr0 |= 1;
        state.Gdtr = new Segment { Base = 0x1000, Limit = 0x7F };
        state.Idtr = new Segment { Base = 0x2000, Limit = 0x7FF };
        for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Selector = 0x10, Limit = uint.MaxValue, Flags = 0xC0_9300 };
        state.Segments[1] = new Segment { Selector = 8, Limit = uint.MaxValue, Flags = 0xC0_9B00 };
        state.Rip = rip;
        state.General[4] = rsp;
    });

    /// <summary>Long mode with the first 4 MiB mapped one to one in pages of 4 KiB, tables at 10000h.</summary>
    public void Long64(ulong rip, ulong rsp = 0x9000) => Set(registers =>
    {
        WriteFlatTables();
        Memory.Write(0x1_0000, 0x1_1007UL);
        Memory.Write(0x1_1000, 0x1_2007UL);
        for (ulong i = 0; i < 2; i++) Memory.Write(0x1_2000 + (i * 8), (0x1_3000 + (i << 12)) | 7);
        for (ulong i = 0; i < 1024; i++) Memory.Write(0x1_3000 + (i * 8), (i << 12) | 7);
        ref CpuState state = ref registers.State;
        (state.Cr0, state.Cr3, state.Cr4, state.Efer) = (0x8001_0031, 0x1_0000, 0x6B0, 0xD01);
        state.Gdtr = new Segment { Base = 0x1000, Limit = 0x7F };
        state.Idtr = new Segment { Base = 0x2000, Limit = 0xFFF };
        for (var i = 0; i < 6; i++) state.Segments[i] = new Segment { Selector = 0x10, Limit = uint.MaxValue, Flags = 0xC0_9300 };
        state.Segments[1] = new Segment { Selector = 0x28, Limit = uint.MaxValue, Flags = 0xA0_9B00 };
        state.Rip = rip;
        state.General[4] = rsp;
    });

    /// <summary>In long mode: each exception ends the run, and <see cref="Exception"/> is its vector.</summary>
    public void HaltOnExceptions()
    {
        for (uint vector = 0; vector < 32; vector++)
        {
            Memory.Write(Stubs + vector, (byte)0xF4);
            Memory.Write(0x2000 + (vector * 16), Stubs + vector | 0x28UL << 16 | 0x8EUL << 40);
        }
    }

    /// <summary>What ended the run; null when it was the code's own HLT.</summary>
    public int? Exception => State.Rip - 1 is var at && at - Stubs < 32 ? (int)(at - Stubs) : null;

    public bool Answers(ushort port, int size) => port == Port;

    public uint ReadPort(ushort port, int size) => uint.MaxValue;

    public void WritePort(ushort port, int size, uint value)
    {
        if (port == Port) Written.Add(value);
    }

    public ulong ReadMemory(ulong address, int size, bool smm) => ulong.MaxValue;

    public void WriteMemory(ulong address, int size, ulong value, bool smm)
    {
    }

    /// <summary>The FERR# pin.</summary>
    public bool FloatingPointError { get; private set; }

    public void EndOfInterrupt(byte vector) => throw new NotSupportedException();

    public void ReportFloatingPointError(bool pending) => FloatingPointError = pending;

    public int AcknowledgeInterrupt()
    {
        int vector = Vector;
        Vector = -1;
        Cpu.SetIntr(false);
        return vector;
    }

    public bool TryReadApicMsr(uint msr, out ulong value)
    {
        value = Deadline;
        return msr == DeadlineMsr;
    }

    public bool TryWriteApicMsr(uint msr, ulong value)
    {
        if (msr == DeadlineMsr) Deadline = value;
        return msr == DeadlineMsr;
    }

    public void Dispose()
    {
        Cpu.Dispose();
        foreach (IVcpu other in _others) other.Dispose();
        _accelerator.Dispose();
        _ram.Dispose();
    }

    private IVcpu Create(int index) => _accelerator.CreateVcpu(index, CpuModel.Build(_model, new SmpConfig(), index, _accelerator.Supported), this);

    /// <summary>8: code 32, 10: data; 18, 20: the same for level 3; 28: code 64; 30: code 64 for level 3; 40: TSS.</summary>
    private void WriteFlatTables()
    {
        ulong[] table = [0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_FB00_0000_FFFF, 0x00CF_F300_0000_FFFF, 0x00AF_9B00_0000_FFFF, 0x00AF_FB00_0000_FFFF, 0, 0x0000_8900_3000_0067];
        for (var i = 0; i < table.Length; i++) Memory.Write(0x1000 + ((ulong)i * 8), table[i]);
    }
}

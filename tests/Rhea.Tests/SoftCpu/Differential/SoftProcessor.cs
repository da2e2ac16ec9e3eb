using System.Buffers.Binary;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Host;
using Rhea.SoftCpu;
using Rhea.X86.Cpuid;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Runs cases on the software processor, as user code under a kernel that halts at every exception.</summary>
internal sealed class SoftProcessor : IDisposable
{
    private const ulong Tables = 0x1_0000, CodePage = 0x10_0000, DataPages = 0x20_0000, SystemPages = 0x30_0000;
    private const uint System = 0x3000_0000; // linear; the supervisor's: stubs, IDT, GDT, TSS, stack
    private const uint Stubs = System, Idt = System + 0x1000, Gdt = System + 0x2000, Tss = System + 0x3000, StackTop = System + 0x6000;
    private const ushort KernelCode = 0x10, TssSelector = 0x40;

    private readonly SoftAccelerator _accelerator;
    private readonly IVcpu _vcpu;
    private readonly RamBlock _ram;
    private readonly CpuRegisters _registers = new(0);

    /// <param name="warmth">0: everything is translated at once; negative: interpreted.</param>
    public SoftProcessor(int warmth)
    {
        var board = new MachineBuilder("none", new HostClock(), new HostRam(), (_, _) => { });
        _ram = board.AddRam("pc.ram", 0x100_0000);
        board.System.Add(0, MemoryRegion.Ram(_ram));
        board.SmmSystem.Add(0, MemoryRegion.Window("all", board.System, 0, MemoryRegion.Everything));
        _accelerator = new SoftAccelerator(warmth: warmth);
        _accelerator.Attach(board.Memory, board.SmmMemory);
        IReadOnlyList<CpuidLeaf> model = CpuModel.Build(new CpuConfig { Model = "max" }, new SmpConfig(), 0, _accelerator.Supported);
        _vcpu = _accelerator.CreateVcpu(0, model, new MachineBus(board.Loop, board.Ports, board.Memory, board.SmmMemory, null, () => -1));
        MapPages();
        WriteSystem();
    }

    public CpuImage Run(CpuImage before)
    {
        Span<byte> code = _ram.Span(CodePage, 4096);
        code.Fill(0xCC);
        before.Code.CopyTo(code[(int)(CaseLayout.Start - CaseLayout.Code)..]);
        _ram.MarkWritten(CodePage, 4096);
        _ram.Span(DataPages, (int)(CaseLayout.DataEnd - CaseLayout.Data)).Clear();
        before.Border.CopyTo(_ram.Span(DataPages + CaseLayout.Border - CaseLayout.Data, CaseLayout.BorderLength));
        before.Edge.CopyTo(_ram.Span(DataPages + CaseLayout.Edge - CaseLayout.Data, CaseLayout.EdgeLength));
        Load(before);
        VcpuStop stop = _vcpu.Run(100_000);
        _vcpu.Read(_registers);
        var after = new CpuImage(new byte[CpuImage.Length]);
        Store(after, stop);
        return after;
    }

    public void Dispose()
    {
        _vcpu.Dispose();
        _accelerator.Dispose();
    }

    private void Load(CpuImage image)
    {
        _registers.Reset(0);
        ref CpuState state = ref _registers.State;
        for (var i = 0; i < 16; i++) state.General[i] = image[i];
        (state.Rip, state.Rflags) = (image.Ip, image.Flags | 0x202);
        (state.Cr0, state.Cr3, state.Cr4, state.Efer) = (0x8005_0033, Tables, 0x4_06A0, 0xD01);
        state.Xcr0 = 7;
        state.Segments[1] = image.Is64
            ? new Segment { Selector = CaseLayout.Code64, Limit = uint.MaxValue, Flags = 0xA0_FB00 }
            : new Segment { Selector = CaseLayout.Code32, Limit = uint.MaxValue, Flags = 0xC0_FB00 };
        foreach (int data in (ReadOnlySpan<int>)[0, 2, 3, 4, 5])
            state.Segments[data] = new Segment { Selector = CaseLayout.Stack, Limit = uint.MaxValue, Flags = 0xC0_F300 };
        state.Tr = new Segment { Selector = TssSelector, Base = Tss, Limit = 0x67, Flags = 0x8B00 };
        (state.Gdtr.Base, state.Gdtr.Limit, state.Idtr.Base, state.Idtr.Limit) = (Gdt, 0x4F, Idt, 0xFFF);
        LoadFx(image.Fx, image.Upper, ref state);
        _vcpu.Write(_registers);
    }

    private static void LoadFx(ReadOnlySpan<byte> fx, ReadOnlySpan<byte> upper, ref CpuState state)
    {
        state.FpuControl = BinaryPrimitives.ReadUInt16LittleEndian(fx);
        state.FpuStatus = BinaryPrimitives.ReadUInt16LittleEndian(fx[2..]);
        state.FpuEmpty = (byte)~fx[4];
        state.Mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(fx[24..]);
        for (var i = 0; i < 8; i++)
        {
            ref X87Register register = ref state.X87[((state.FpuStatus >> 11) + i) & 7];
            register.Significand = BinaryPrimitives.ReadUInt64LittleEndian(fx[(32 + (i * 16))..]);
            register.SignExponent = BinaryPrimitives.ReadUInt16LittleEndian(fx[(40 + (i * 16))..]);
        }
        for (var i = 0; i < 32; i++)
        {
            state.Vector[i / 2][i % 2] = BinaryPrimitives.ReadUInt64LittleEndian(fx[(160 + (i * 8))..]);
            state.Vector[i / 2][2 + (i % 2)] = BinaryPrimitives.ReadUInt64LittleEndian(upper[(i * 8)..]);
        }
    }

    private static void StoreFx(Span<byte> fx, Span<byte> upper, ref CpuState state)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(fx, state.FpuControl);
        BinaryPrimitives.WriteUInt16LittleEndian(fx[2..], state.FpuStatus);
        fx[4] = (byte)~state.FpuEmpty;
        BinaryPrimitives.WriteUInt32LittleEndian(fx[24..], state.Mxcsr);
        for (var i = 0; i < 8; i++)
        {
            ref X87Register register = ref state.X87[((state.FpuStatus >> 11) + i) & 7];
            BinaryPrimitives.WriteUInt64LittleEndian(fx[(32 + (i * 16))..], register.Significand);
            BinaryPrimitives.WriteUInt16LittleEndian(fx[(40 + (i * 16))..], register.SignExponent);
        }
        for (var i = 0; i < 32; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(fx[(160 + (i * 8))..], state.Vector[i / 2][i % 2]);
            BinaryPrimitives.WriteUInt64LittleEndian(upper[(i * 8)..], state.Vector[i / 2][2 + (i % 2)]);
        }
    }

    /// <summary>From the stub that it halted in and the frame that the exception pushed.</summary>
    private void Store(CpuImage image, VcpuStop stop)
    {
        ref CpuState state = ref _registers.State;
        for (var i = 0; i < 16; i++) image[i] = state.General[i];
        StoreFx(image.Fx, image.Upper, ref state);
        _ram.Span(DataPages + CaseLayout.Border - CaseLayout.Data, CaseLayout.BorderLength).CopyTo(image.Border);
        _ram.Span(DataPages + CaseLayout.Edge - CaseLayout.Data, CaseLayout.EdgeLength).CopyTo(image.Edge);
        image.Vector = -1;
        if (stop != VcpuStop.Halted || state.Rip is < Stubs or >= Idt) return;
        image.Vector = (int)(state.Rip - Stubs) / 16;
        image.Cr2 = state.Cr2;
        ulong frame = state.General[4] - System + SystemPages;
        if (state.General[4] == StackTop - 48)
        {
            image.Error = _ram.Read<ulong>(frame);
            frame += 8;
        }
        image.Ip = _ram.Read<ulong>(frame);
        image.Is64 = _ram.Read<ushort>(frame + 8) == CaseLayout.Code64;
        image.Flags = _ram.Read<ulong>(frame + 16);
        image[4] = _ram.Read<ulong>(frame + 24);
    }

    private void MapPages()
    {
        const ulong user = 7, supervisor = 3;
        ulong free = Tables + 0x1000;
        void MapPage(ulong linear, ulong physical, ulong rights)
        {
            ulong table = Tables;
            for (var shift = 39; shift > 12; shift -= 9)
            {
                ulong at = table + ((linear >> shift & 0x1FFUL) * 8);
                if (_ram.Read<ulong>(at) == 0)
                {
                    Write64(at, free | user);
                    free += 0x1000;
                }
                table = _ram.Read<ulong>(at) & ~0xFFFUL;
            }
            Write64(table + ((linear >> 12 & 0x1FFUL) * 8), physical | rights);
        }
        MapPage(CaseLayout.Code, CodePage, user);
        MapPage(CaseLayout.Data, DataPages, user);
        MapPage(CaseLayout.Data + 0x1000, DataPages + 0x1000, user);
        for (uint page = 0; page < 6; page++) MapPage(System + (page * 0x1000), SystemPages + (page * 0x1000), supervisor);
    }

    private void WriteSystem()
    {
        _ram.Span(SystemPages, 0x1000).Fill(0xF4); // HLT
        for (uint vector = 0; vector < 256; vector++)
        {
            ulong gate = Stubs + (vector * 16);
            ulong rights = vector is 3 or 4 ? 0xEE00UL : 0x8E00UL; // user code may say INT3 and INTO
            Write64(SystemPages + 0x1000 + (vector * 16), (gate & 0xFFFF) | (ulong)KernelCode << 16 | rights << 32 | gate >> 16 << 48);
        }
        Write64(SystemPages + 0x2000 + 0x10, 0x00AF_9B00_0000_FFFF);
        Write64(SystemPages + 0x2000 + 0x18, 0x00CF_9300_0000_FFFF);
        Write64(SystemPages + 0x2000 + 0x20, 0x00CF_FB00_0000_FFFF);
        Write64(SystemPages + 0x2000 + 0x28, 0x00CF_F300_0000_FFFF);
        Write64(SystemPages + 0x2000 + 0x30, 0x00AF_FB00_0000_FFFF);
        Write64(SystemPages + 0x3000 + 4, StackTop);
        Write64(SystemPages + 0x3000 + 0x60, 0x68UL << 48); // no I/O permission map
    }

    private void Write64(ulong at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_ram.Span(at, 8), value);
}

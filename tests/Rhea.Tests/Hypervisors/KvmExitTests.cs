using Iced.Intel;
using Rhea.Core.Config;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;
using Rhea.Hypervisors.Kvm;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.Hypervisors;

/// <summary>A processor of the host's KVM, where there is one, on a bus that only counts.</summary>
public class KvmExitTests
{
    private const int Accesses = 50_000, Last = 0x501;

    /// <summary>Code at the reset vector's segment: port writes, then as many of memory that is nobody's.</summary>
    [Fact]
    public void An_access_to_a_port_or_to_memory_allocates_nothing()
    {
        Assert.SkipUnless(KvmHost.Problem is null, $"KVM is not to be had: {KvmHost.Problem}");
        using var ram = new RamBlock("rom", 0x1_0000, new HostRam());
        using KvmAccelerator kvm = Machine(ram, Code());
        var bus = new FakeBus { Notes = false };
        using IVcpu vcpu = kvm.CreateVcpu(0, kvm.Supported, bus);
        bus.Written = port =>
        {
            if (port == Last) vcpu.Kick();
        };
        Start(vcpu);
        Assert.Equal(VcpuStop.Kicked, vcpu.Run()); // once, for what the first run allocates
        long allocated = 0;
        for (var attempt = 0; attempt < 10; attempt++)
        {
            Start(vcpu);
            bus.Count = 0;

            int collections = GC.CollectionCount(0);
            long before = GC.GetAllocatedBytesForCurrentThread();
            VcpuStop stop = vcpu.Run();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;

            Assert.Equal(VcpuStop.Kicked, stop);
            Assert.InRange(bus.Count, 2 * Accesses, (2 * Accesses) + 1);
            if (GC.CollectionCount(0) == collections) break; // else what the thread had been given for later counts as allocated
        }

        Assert.InRange(allocated, 0, 100); // a run may, its exits do not
    }

    /// <summary>More of them than the kernel has room for, another port's write among them, and some when the processor is stopped.</summary>
    [Fact]
    public void Gathered_writes_reach_the_bus_in_their_order()
    {
        Assert.SkipUnless(KvmHost.Problem is null, $"KVM is not to be had: {KvmHost.Problem}");
        var code = new Assembler(16);
        for (byte i = 0; i < 250; i++)
        {
            code.mov(al, i);
            code.@out(0x70, al);
            if (i == 20) code.@out(0x71, al);
        }

        code.mov(dx, Last);
        code.@out(dx, al);
        code.hlt();
        var bus = new FakeBus();
        using var ram = new RamBlock("rom", 0x1_0000, new HostRam());
        using KvmAccelerator kvm = Machine(ram, Bytes(code));
        kvm.GatherWrites(0x70);
        using IVcpu vcpu = kvm.CreateVcpu(0, kvm.Supported, bus);
        bus.Written = port =>
        {
            if (port == Last) vcpu.Kick();
        };
        Start(vcpu);
        Assert.Equal(VcpuStop.Kicked, vcpu.Run());

        List<string> expected = [.. Enumerable.Range(0, 250).Select(i => $"out 70.1={i:x}")];
        expected.Insert(21, "out 71.1=14");
        Assert.Equal([.. expected, "out 501.1=f9"], bus.Accesses);
    }

    private static KvmAccelerator Machine(RamBlock ram, byte[] code)
    {
        code.CopyTo(ram.Span(0, 0x1_0000));
        MemoryRegion system = MemoryRegion.Frame("system", MemoryRegion.Everything);
        var space = new AddressSpace(system);
        KvmAccelerator kvm = KvmAccelerator.Open(KernelIrqChip.Off, line => Assert.Fail(line));
        kvm.Attach(space, space);
        system.Add(0xF_0000, MemoryRegion.Ram(ram));
        return kvm;
    }

    private static void Start(IVcpu vcpu)
    {
        var registers = new CpuRegisters(0);
        vcpu.Read(registers);
        registers.State.Rip = 0;
        registers.State.Segments[1] = registers.State.Segments[1] with { Selector = 0xF000, Base = 0xF_0000 };
        vcpu.Write(registers);
    }

    private static byte[] Code()
    {
        var code = new Assembler(16);
        foreach (bool memory in (bool[])[false, true])
        {
            Label again = code.CreateLabel();
            code.mov(ax, 0xA000);
            code.mov(ds, eax);
            code.mov(cx, Accesses);
            code.Label(ref again);
            if (memory) code.mov(__byte_ptr[0], al);
            else code.@out(0x80, al);
            code.loop(again);
        }

        code.mov(dx, Last);
        code.@out(dx, al);
        code.hlt();
        return Bytes(code);
    }

    private static byte[] Bytes(Assembler code)
    {
        var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();
    }
}

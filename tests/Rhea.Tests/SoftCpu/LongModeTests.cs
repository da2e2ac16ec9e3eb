using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>Process-context identifiers, five levels of page tables and the bases of FS and GS (Intel SDM vol. 3, 5.10 and 5.5; vol. 2).</summary>
public class LongModeTests
{
    private const int InvalidOpcode = 6, GeneralProtection = 13, PageFault = 14;
    private const ulong Pcid = 1 << 17, FiveLevels = 1 << 12, FsGsBase = 1 << 16, Tables = 0x1_0000, Data = 0x5000, OtherCr4 = 0x6B0;

    [Theory]
    [InlineData(0x1_0000, null)]
    [InlineData(0x1_0001, GeneralProtection)] // a context is in use
    public void PCIDs_are_switched_on_while_the_context_is_0(ulong root, int? exception)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, OtherCr4 | Pcid);
            code.mov(cr4, rax);
            code.hlt();
        });
        bench.Set(registers => registers.State.Cr3 = root);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(exception, bench.Exception);
        Assert.Equal(exception is null, (bench.State.Cr4 & Pcid) != 0);
    }

    /// <summary>Bit 63 says that translations may be kept; it is no bit of the register. Without PCIDs it is reserved.</summary>
    [Theory]
    [InlineData(Pcid, null, 0x1_0FFFUL)]
    [InlineData(0, GeneralProtection, Tables)]
    public void CR3_takes_a_context_and_the_wish_to_keep_translations(ulong cr4, int? exception, ulong becomes)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, 0x8000_0000_0001_0FFF);
            code.mov(cr3, rax);
            code.hlt();
        }, cr4);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(exception, bench.Exception);
        Assert.Equal(becomes, bench.State.Cr3);
    }

    [Fact]
    public void Paging_cannot_be_left_while_PCIDs_are_on()
    {
        using CpuBench bench = Start(code => code.hlt(), Pcid);
        bench.Assemble(32, 0x7000, code =>
        {
            code.mov(eax, 0x11);
            code.mov(cr0, eax);
            code.hlt();
        });
        bench.Set(registers => registers.State.Segments[1] = new Segment { Selector = 8, Limit = uint.MaxValue, Flags = 0xC0_9B00 });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(GeneralProtection, bench.Exception);
    }

    [Theory]
    [InlineData(0, 0UL, 0x40_0000UL, Pcid, null)]
    [InlineData(0, 0xFFFUL, 0x40_0000UL, Pcid, null)]
    [InlineData(0, 0x1000UL, 0x40_0000UL, Pcid, GeneralProtection)]               // a reserved bit
    [InlineData(0, 0UL, 0x100_0000_0000_0000UL, Pcid, GeneralProtection)]          // not canonical
    [InlineData(1, 0UL, 0x100_0000_0000_0000UL, Pcid, null)]                       // nor looked at
    [InlineData(1, 1UL, 0UL, 0UL, GeneralProtection)]                             // a context where there are none
    [InlineData(2, 1UL, 0UL, 0UL, null)]
    [InlineData(3, 0UL, 0UL, 0UL, null)]
    [InlineData(4, 0UL, 0UL, Pcid, GeneralProtection)]
    public void INVPCID_checks_its_descriptor(int type, ulong context, ulong address, ulong cr4, int? exception)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(eax, type);
            code.db(0x66, 0x0F, 0x38, 0x82, 0x03); // invpcid rax, [rbx]
            code.hlt();
        }, cr4);
        bench.Memory.Write(Data, context);
        bench.Memory.Write(Data + 8, address);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(exception, bench.Exception);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void INVPCID_makes_a_changed_entry_count(int type)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rcx, __[0x10_0000]); // remembered
            code.mov(__dword_ptr[0x1_3000 + (0x100 * 8)], 0x20_0007);
            code.mov(eax, type);
            code.db(0x66, 0x0F, 0x38, 0x82, 0x03);
            code.mov(rcx, __[0x10_0000]);
            code.hlt();
        }, Pcid);
        bench.Memory.Write(Data + 8, 0x10_0000UL);
        bench.Memory.Write(0x20_0000, 0x1234UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(0x1234UL, bench.State.General[1]);
    }

    [Theory]
    [InlineData(0x00FF_FFFF_FFFF_F000UL, null)]
    [InlineData(0xFF00_0000_0000_0000UL, null)]
    [InlineData(0x0100_0000_0000_0000UL, GeneralProtection)]
    public void With_five_levels_addresses_have_57_bits(ulong address, int? exception)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, address);
            code.mov(rcx, __[rax]);
            code.hlt();
        }, FiveLevels);
        MapFiveLevels(bench, address);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(exception, bench.Exception);
        if (exception is null) Assert.Equal(0x5A5AUL, bench.State.General[1]);
    }

    [Fact]
    public void With_four_levels_they_have_48()
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, 0x0000_8000_0000_0000);
            code.mov(rcx, __[rax]);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(GeneralProtection, bench.Exception);
    }

    /// <summary>Bit 7 of the fifth level's entry is reserved: the error code says so.</summary>
    [Fact]
    public void The_fifth_level_has_no_large_pages()
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, 0x00F0_0000_0000_0000);
            code.mov(rcx, __[rax]);
            code.hlt();
        }, FiveLevels);
        MapFiveLevels(bench, 0x00F0_0000_0000_0000);
        bench.Memory.Write(0x2_0000 + (0xF0 * 8), 0x2_1087UL);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(PageFault, bench.Exception);
        Assert.Equal(9UL, bench.Memory.Read<ulong>(bench.State.General[4]));
    }

    [Fact]
    public void The_number_of_levels_is_fixed_in_long_mode()
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, OtherCr4 | FiveLevels);
            code.mov(cr4, rax);
            code.hlt();
        });

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(GeneralProtection, bench.Exception);
    }

    [Fact]
    public void FS_and_GS_bases_are_read_and_written()
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, 0xFFFF_8000_1234_5678);
            code.wrfsbase(rax);
            code.mov(rax, 0x1111_2222_3333_4444);
            code.wrgsbase(eax); // 32 bits clear the rest
            code.rdfsbase(rcx);
            code.rdfsbase(edx);
            code.rdgsbase(rbx);
            code.hlt();
        }, FsGsBase);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Null(bench.Exception);
        Assert.Equal(0xFFFF_8000_1234_5678UL, bench.State.General[1]);
        Assert.Equal(0x1234_5678UL, bench.State.General[2]);
        Assert.Equal(0x3333_4444UL, bench.State.General[3]);
        Assert.Equal(0xFFFF_8000_1234_5678UL, bench.State.Segments[4].Base);
    }

    [Theory]
    [InlineData("max", 0UL, 0x1000UL, InvalidOpcode)]
    [InlineData("max", FsGsBase, 0x1000UL, null)]
    [InlineData("max", FsGsBase, 0x0000_8000_0000_0000UL, null)] // as wide as with five levels, though four are in use
    [InlineData("max", FsGsBase, 0x0100_0000_0000_0000UL, GeneralProtection)]
    [InlineData("qemu64,fsgsbase", FsGsBase, 0x0000_8000_0000_0000UL, GeneralProtection)]
    public void A_base_is_canonical_and_asks_for_CR4(string model, ulong cr4, ulong value, int? exception)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(rax, value);
            code.wrgsbase(rax);
            code.hlt();
        }, cr4, model);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(exception, bench.Exception);
    }

    [Theory]
    [InlineData("qemu64", 0x3028u)]
    [InlineData("max", 0x3928u)]
    public void CPUID_tells_the_width_of_addresses(string model, uint widths)
    {
        using CpuBench bench = Start(code =>
        {
            code.mov(eax, 0x8000_0008);
            code.cpuid();
            code.hlt();
        }, model: model);

        Assert.Equal(VcpuStop.Halted, bench.Run());
        Assert.Equal(widths, (uint)bench.State.General[0]);
    }

    private static CpuBench Start(Action<Iced.Intel.Assembler> code, ulong cr4 = 0, string model = "max")
    {
        var bench = new CpuBench(model);
        bench.Assemble(64, 0x7000, code);
        bench.Long64(0x7000);
        bench.HaltOnExceptions();
        bench.Set(registers =>
        {
            registers.State.Cr4 |= cr4;
            registers.State.General[3] = Data;
        });
        return bench;
    }

    /// <summary>The four levels below a fifth, which also leads to the page with 5A5Ah at one more address.</summary>
    private static void MapFiveLevels(CpuBench bench, ulong address)
    {
        const ulong fifth = 0x2_0000, table = 0x2_1000, page = 0x2_5000;
        bench.Memory.Write(page, 0x5A5AUL);
        bench.Memory.Write(fifth, Tables | 7);
        if (address != 0) bench.Memory.Write(fifth + ((address >> 48 & 0x1FF) * 8), table | 7);
        for (ulong level = 0; level < 4; level++)
        {
            ulong at = table + (level << 12);
            bench.Memory.Write(at + ((address >> (39 - ((int)level * 9)) & 0x1FF) * 8), (at + 0x1000) | 7);
        }

        bench.Set(registers => registers.State.Cr3 = fifth);
    }
}

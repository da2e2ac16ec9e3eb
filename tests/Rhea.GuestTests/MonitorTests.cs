using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>What the human monitor says of a running guest, compared with what QEMU 7.2.22 says of the same one.</summary>
public class MonitorTests
{
    private const uint Present = 1, Writable = 2, User = 4, CacheDisabled = 0x10, Accessed = 0x20, Large = 0x80, Global = 0x100;
    private const uint Pse = 0x10, Pae = 0x20, LongMode = 0x900; // CR4; EFER.LME and NXE

    [Fact]
    public async Task It_shows_the_page_tables_of_32_bit_paging() => await Shows(Pse, 0, 4,
        [
            (0x1000, 0, 0x2000 | Present | Writable), (0x2000, 0xF0, 0xF_0000 | Present | Accessed), (0x2000, 0xF1, 0x5000 | Present | Writable | Accessed),
            (0x1000, 1, 0x0040_0000 | Present | Writable | User | Large), (0x1000, 0x3FF, 0x3000 | Present | Writable | User),
            (0x3000, 0x3FE, 0x6000 | Present | User | Large), (0x3000, 0x3FF, 0x7000 | Present | User | Global | CacheDisabled),
        ],
        """
        00000000000f0000: 00000000000f0000 ----A----
        00000000000f1000: 0000000000005000 ----A---W
        0000000000400000: 0000000000400000 --P----UW
        00000000ffffe000: 0000000000006000 -------U-
        00000000fffff000: 0000000000007000 -G---C-U-

        """,
        """
        00000000000f0000-00000000000f1000 0000000000001000 -r-
        00000000000f1000-00000000000f2000 0000000000001000 -rw
        0000000000400000-0000000000800000 0000000000400000 urw
        00000000ffffe000-0000000100000000 0000000000002000 ur-

        """);

    [Fact]
    public async Task It_shows_the_page_tables_of_pae_paging() => await Shows(Pae, 0, 8,
        [
            (0x1000, 0, 0x2000 | Present), (0x2000, 0, 0x3000 | Present | Writable | User), (0x3000, 0xF0, 0xF_0000 | Present | Writable | Accessed),
            (0x1000, 3, 0x4000 | Present), (0x4000, 0x1FF, 0x0060_0000 | Present | Writable | User | Large),
        ],
        """
        00000000000f0000: 00000000000f0000 ----A---W
        00000000ffe00000: 0000000000600000 --P----UW

        """,
        """
        00000000000f0000-00000000000f1000 0000000000001000 -rw
        00000000ffe00000-0000000100000000 0000000000200000 urw

        """);

    [Fact]
    public async Task It_shows_the_page_tables_of_long_mode() => await Shows(Pae, LongMode, 8,
        [
            (0x1000, 0, 0x2000 | Present | Writable | User), (0x2000, 0, 0x3000 | Present | Writable), (0x3000, 0, 0x4000 | Present | Writable | User),
            (0x4000, 0xF0, 0xF_0000 | Present | User | Accessed), (0x2000, 1, 0x4000_0000 | Present | Writable | User | Large),
            (0x1000, 0x1FF, 0x5000 | Present | Writable), (0x5000, 0x1FF, 0x6000 | Present | Writable), (0x6000, 0x1FE, 0x0020_0000 | Present | Large),
        ],
        """
        00000000000f0000: 00000000000f0000 ----A--U-
        0000000040000000: 0000000040000000 --P----UW
        ffffffffffc00000: 0000000000200000 --P------

        """,
        """
        00000000000f0000-00000000000f1000 0000000000001000 -r-
        0000000040000000-0000000080000000 0000000040000000 urw
        ffffffffffc00000-ffffffffffe00000 0000000000200000 -r-

        """);

    /// <param name="cr4">Paging's bits in it.</param>
    /// <param name="efer">Long mode's.</param>
    /// <param name="size">Of an entry, in bytes.</param>
    /// <param name="entries">Address of a table, which entry, and its value.</param>
    /// <param name="tlb">What <c>info tlb</c> says.</param>
    /// <param name="mem">What <c>info mem</c> says.</param>
    private static async Task Shows(uint cr4, uint efer, int size, (uint Table, uint Index, uint Value)[] entries, string tlb, string mem)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            code.xor(ax, ax);
            code.mov(ds, ax);
            foreach ((uint table, uint index, uint value) in entries)
            {
                code.mov(ebx, table + (index * (uint)size));
                code.mov(__dword_ptr[bx], value);
            }

            code.mov(eax, 0x1000);
            code.mov(cr3, eax);
            code.mov(eax, cr4);
            code.mov(AssemblerRegisters.cr4, eax);
            code.mov(ecx, 0xC000_0080);
            code.mov(eax, efer);
            code.xor(edx, edx);
            code.wrmsr();
            code.Print("paged");
            code.mov(eax, 0x8000_0011);
            code.mov(cr0, eax);
            Label here = code.CreateLabel();
            code.Label(ref here);
            code.jmp(here);
        }), TestContext.Current.CancellationToken);
        await using Emulator rhea = Emulator.Rhea([.. Emulator.WithMonitor, "-bios", folder["rom"], "-display", "none", "-nic", "none", "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402"]);
        await rhea.WaitFor("paged");

        string shown;
        while ((shown = await rhea.Monitor("info tlb")) == "PG disabled\n") await Task.Delay(20, TestContext.Current.CancellationToken);

        Assert.Equal(tlb, shown);
        Assert.Equal(mem, await rhea.Monitor("info mem"));
    }
}

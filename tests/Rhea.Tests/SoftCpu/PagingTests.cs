using Rhea.Core.Cpu;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Tests.SoftCpu;

/// <summary>What a page's rights allow whom (Intel SDM vol. 3, 5.6.1); -1 is no fault, else the page fault's error code.</summary>
public class PagingTests
{
    private const ulong Present = 1, Writable = 2, User = 4, NoExecute = 1UL << 63;
    private const ulong WriteProtect = 0x1_0000;

    [Theory]
    [InlineData(Present | Writable, 0, false, 'r', -1)]
    [InlineData(Present | Writable, 0, true, 'r', 5)]
    [InlineData(Present | Writable | User, 0, true, 'w', -1)]
    [InlineData(Present | User, 0, true, 'r', -1)]
    [InlineData(Present | User, 0, true, 'w', 7)]
    [InlineData(Present, 0, false, 'w', -1)]
    [InlineData(Present, WriteProtect, false, 'w', 3)]
    [InlineData(Present | NoExecute, 0, false, 'x', 0x11)]
    [InlineData(Present | User | NoExecute, 0, true, 'x', 0x15)]
    [InlineData(0UL, 0, true, 'x', 0x14)]
    [InlineData(Present | 1UL << 51, 0, false, 'r', 9)]
    public void Rights(ulong entry, ulong cr0, bool user, char access, int expected) => Assert.Equal(expected, Access(entry, cr0, 0, user, access, flags: 2));

    [Theory]
    [InlineData(0x10_0000, 'x', 0x11)] // SMEP
    [InlineData(0x20_0000, 'r', 1)] // SMAP
    [InlineData(0x20_0000, 'w', 3)]
    public void A_supervisor_is_kept_from_user_pages(ulong cr4, char access, int expected) =>
        Assert.Equal(expected, Access(Present | Writable | User, 0, cr4, user: false, access, flags: 2));

    [Fact]
    public void With_AC_set_SMAP_lets_it() => Assert.Equal(-1, Access(Present | Writable | User, 0, 0x20_0000, user: false, 'r', flags: 0x4_0002));

    private static int Access(ulong entry, ulong cr0, ulong cr4, bool user, char access, ulong flags)
    {
        using var bench = new CpuBench();
        bench.Long64(0x7000);
        bench.Memory.Write(0x1_3000 + (0x100 * 8), entry == 0 ? 0 : entry | 0x10_0000);
        if (access == 'x') bench.Memory.Write(0x10_0000, [0xEB, 0xFE]);
        bench.Memory.Write(0x2000 + (14 * 16), 0x6000UL | 0x28UL << 16 | 0x8E00UL << 32);
        bench.Memory.Write(0x3004, 0x5000UL);
        bench.Assemble(64, 0x6000, code =>
        {
            code.pop(rax);
            code.mov(ebx, 0x77);
            code.hlt();
        });
        bench.Assemble(64, 0x7000, code =>
        {
            code.mov(esi, 0x10_0000);
            if (access == 'r') code.mov(al, __[rsi]);
            else if (access == 'w') code.mov(__[rsi], al);
            else code.jmp(rsi);
            code.db(0xEB, 0xFE); // for ever: the budget ends it
        });
        bench.Set(registers =>
        {
            ref CpuState state = ref registers.State;
            state.Cr0 = (state.Cr0 & ~WriteProtect) | cr0;
            state.Cr4 |= cr4;
            state.Rflags = flags;
            state.Tr = CpuBench.TaskState;
            for (ulong page = 0; page < 9; page++) // the code and its stack belong to whoever runs it, tables and handler to the supervisor
                bench.Memory.Write(0x1_3000 + (page * 8), (page << 12) | (user && page >= 7 ? 7UL : 3));
            if (!user) return;
            CpuBench.EnterUser64(ref state);
        });

        bench.Run(budget: 20);
        return bench.State.General[3] == 0x77 ? (int)bench.State.General[0] : -1;
    }
}

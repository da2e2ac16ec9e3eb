using System.Text;
using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>VMware's port, which takes its arguments from the processor's registers and answers in them.</summary>
public class VmPortTests
{
    private const uint Magic = 0x564D_5868;
    private const ushort Version = 10, MouseData = 39, MouseStatus = 40, MouseCommand = 41, MemorySize = 20, Uuid = 19;

    [Fact]
    public async Task It_tells_version_memory_and_identity_in_registers()
    {
        Assert.Equal(
            """
            00000006 564d5868 00000002
            02000000 00001177 00000014
            33221100 77665544 bbaa9988
            ffffffff 00000000 00001234
            """, await Run([(Version, 0), (MemorySize, 0), (Uuid, 0), (0x1234, 0)]));
    }

    [Fact]
    public async Task The_mouse_identifies_itself_and_is_switched_off_when_asked_for_too_much()
    {
        Assert.Equal(
            """
            ffff0000 00000000 00000028
            564d5868 45414552 00000029
            00000001 00000000 00000028
            3442554a 00000001 00000027
            564d5868 53424152 00000029
            00000000 00000000 00000028
            564d5868 00000004 00000027
            ffff0000 00000000 00000028
            """, await Run([(MouseStatus, 0), (MouseCommand, 0x4541_4552), (MouseStatus, 0), (MouseData, 1), (MouseCommand, 0x5342_4152),
                (MouseStatus, 0), (MouseData, 4), (MouseStatus, 0)]));
    }

    [Fact]
    public async Task Without_it_nobody_answers()
    {
        Assert.Equal("ffffffff 00000000 0000000a", await Run([(Version, 0)], "-machine", "vmport=off"));
    }

    /// <summary>EAX, EBX and ECX after each call.</summary>
    private static async Task<string> Run((ushort Command, uint Argument)[] calls, params string[] options)
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["rom"], GuestCode.Rom(code =>
        {
            foreach ((ushort command, uint argument) in calls)
            {
                code.mov(eax, Magic);
                code.mov(ebx, argument);
                code.mov(ecx, (uint)command);
                code.mov(edx, 0x5658u);
                code.@in(eax, dx);
                foreach (AssemblerRegister32 register in (AssemblerRegister32[])[eax, ebx, ecx]) Send(code, register);
            }

            code.mov(al, 0x11);
            code.@out(0xF4, al);
            code.hlt();
        }), TestContext.Current.CancellationToken);
        await using Emulator rhea = Emulator.Rhea(["-m", "32", "-bios", folder["rom"], "-nodefaults", "-display", "none", "-debugcon", "stdio",
            "-global", "isa-debugcon.iobase=0x402", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-nic", "none",
            "-uuid", "00112233-4455-6677-8899-aabbccddeeff", .. options]);
        Assert.Equal(0x11 << 1 | 1, await rhea.Exit());
        return string.Join('\n', Encoding.Latin1.GetBytes(rhea.Output).Chunk(12).Select(call =>
            string.Join(' ', call.Chunk(4).Select(register => Convert.ToHexStringLower([.. register.Reverse()])))));
    }

    private static void Send(Assembler code, AssemblerRegister32 register)
    {
        code.mov(esi, register);
        code.mov(edi, eax);
        code.mov(dx, 0x402);
        for (var i = 0; i < 4; i++)
        {
            code.mov(eax, esi);
            code.@out(dx, al);
            code.shr(esi, 8);
        }

        code.mov(eax, edi);
    }
}

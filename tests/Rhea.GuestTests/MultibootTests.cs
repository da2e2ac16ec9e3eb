using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.GuestTests;

/// <summary>Kernels with a multiboot header (Multiboot Specification 0.6.96), assembled here.</summary>
public class MultibootTests
{
    private const uint BootMagic = 0x2BAD_B002;

    [Fact]
    public async Task An_elf_kernel_gets_its_command_line_its_modules_and_the_memory_map()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["kernel"], Kernel(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder["one"], "the first module\n\0", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder["two"], "the second module\n\0", TestContext.Current.CancellationToken);

        await using Emulator rhea = Emulator.Rhea("-display", "none", "-nic", "none", "-debugcon", "stdio", "-m", "64",
            "-device", "isa-debug-exit", "-kernel", folder["kernel"], "-initrd", $"{folder["one"]} x=1,{folder["two"]}", "-append", "speak clearly");

        Assert.Equal((7 << 1) | 1, await rhea.Exit()); // it counts the regions of the map
        Assert.Contains($"{folder["kernel"]} speak clearly", rhea.Output, StringComparison.Ordinal);
        Assert.Contains("the first module\nthe second module\n", rhea.Output, StringComparison.Ordinal);
        Assert.Contains($"{folder["one"]} x=1", rhea.Output, StringComparison.Ordinal);
    }

    /// <summary>Prints its command line, the contents of its modules and the command line of the first, and exits with how many RAM regions there are.</summary>
    private static byte[] Kernel() => GuestCode.MultibootKernel(code =>
    {
        code.mov(edi, ebx);
        code.cmp(eax, unchecked((int)BootMagic));
        Label halt = code.CreateLabel();
        code.jne(halt);
        Print(code, () => code.mov(esi, __dword_ptr[edi + 16]));
        code.mov(ebp, __dword_ptr[edi + 24]); // the modules
        Print(code, () => code.mov(esi, __dword_ptr[ebp]));
        Print(code, () => code.mov(esi, __dword_ptr[ebp + 16]));
        Print(code, () => code.mov(esi, __dword_ptr[ebp + 8]));
        CountRegions(code);
        code.mov(edx, 0x501);
        code.@out(dx, al);
        code.Label(ref halt);
        code.hlt();
        code.jmp(halt);
    });

    /// <summary>A string that ends with a zero, to port E9h.</summary>
    private static void Print(Assembler code, Action load)
    {
        Label next = code.CreateLabel(), end = code.CreateLabel();
        load();
        code.Label(ref next);
        code.lodsb();
        code.test(al, al);
        code.je(end);
        code.@out(0xE9, al);
        code.jmp(next);
        code.Label(ref end);
        code.nop();
    }

    /// <summary>Into AL, the entries of the memory map.</summary>
    private static void CountRegions(Assembler code)
    {
        Label next = code.CreateLabel(), end = code.CreateLabel();
        code.xor(eax, eax);
        code.mov(ecx, __dword_ptr[edi + 44]);
        code.mov(esi, __dword_ptr[edi + 48]);
        code.add(ecx, esi);
        code.Label(ref next);
        code.cmp(esi, ecx);
        code.jae(end);
        code.inc(eax);
        code.add(esi, __dword_ptr[esi]);
        code.add(esi, 4);
        code.jmp(next);
        code.Label(ref end);
        code.nop();
    }
}

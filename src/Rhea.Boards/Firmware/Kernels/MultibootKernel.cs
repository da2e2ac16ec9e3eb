using Iced.Intel;
using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Devices.Chipset;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Boards.Firmware.Kernels;

/// <summary>A kernel with a multiboot header, and its modules, started in protected mode by an option ROM.</summary>
/// <remarks>
/// Multiboot Specification 0.6.96. Kernel and modules are one item of fw_cfg, the information structure is another; the ROM adds only
/// the memory map, because only the BIOS knows it.
/// </remarks>
public static class MultibootKernel
{
    /// <summary>The ROM's name in fw_cfg.</summary>
    public const string RomFile = "genroms/multiboot_dma.bin";

    private const int Page = 4096;
    private const uint MapSignature = 0x534D_4150, MapEntry = 20, Ram = 1, OneMiB = 0x10_0000; // INT 15h, AX = E820h
    private const int MapLimit = 0xF000;

    public static bool Recognizes(ReadOnlySpan<byte> file) => MultibootImage.Recognizes(file);

    /// <summary>Puts kernel, modules and ROM into fw_cfg.</summary>
    /// <param name="file">The kernel.</param>
    /// <param name="config">Its initrd is a list of modules: <c>"file arguments,file arguments"</c>.</param>
    /// <exception cref="ConfigException">A kernel for another processor, a module that is missing, or too little memory.</exception>
    public static void Install(byte[] file, KernelConfig config, RamSplit ram, FwCfg to)
    {
        MultibootImage image = MultibootImage.Read(file, config.Path, ram.Below4G);
        if (image.Address < MultibootInformation.End && image.Address + (ulong)image.Bytes.Length > MultibootInformation.Start)
            throw new ConfigException($"could not load kernel '{config.Path}': it wants to lie at {image.Address:x}h, where its boot information is");

        List<byte> memory = [.. image.Bytes];
        List<(uint First, uint End, string CommandLine)> modules = [];
        foreach (string module in SplitModules(config.Initrd))
        {
            string path = module.Split(' ')[0];
            memory.AddRange(new byte[-(int)(image.Address + memory.Count) & (Page - 1)]);
            uint first = image.Address + (uint)memory.Count;
            memory.AddRange(HostFile.Read(path, $"could not load module '{path}'"));
            modules.Add((first, image.Address + (uint)memory.Count, module));
        }

        if (image.Address + (ulong)memory.Count > ram.Below4G)
            throw new ConfigException($"kernel '{config.Path}' and its modules do not fit into {ram.Below4G >> 20} MiB of memory; give more with -m");
        byte[] information = new MultibootInformation($"{config.Path} {config.CommandLine}", modules).Bytes;
        to.AddNumber(FwCfgKey.KernelEntry, image.Entry);
        to.AddNumber(FwCfgKey.KernelAddress, image.Address);
        to.AddNumber(FwCfgKey.KernelSize, (uint)memory.Count);
        to.Add(FwCfgKey.KernelData, [.. memory]);
        to.AddNumber(FwCfgKey.InitrdAddress, MultibootInformation.Start);
        to.AddNumber(FwCfgKey.InitrdSize, (uint)information.Length);
        to.Add(FwCfgKey.InitrdData, information);
        to.AddFile(RomFile, BuildRom());
    }

    /// <summary>A comma in a module's name or arguments is written twice.</summary>
    private static IEnumerable<string> SplitModules(string? initrd) =>
        (initrd ?? "").Replace(",,", "\0", StringComparison.Ordinal).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(module => module.Replace('\0', ','));

    /// <summary>Copies kernel and information, asks the BIOS for the memory map, and goes over to protected mode.</summary>
    internal static byte[] BuildRom() => OptionRom.Build("Multiboot loader", code =>
    {
        var fwCfg = new FwCfgReader(code);
        code.cld();
        fwCfg.Begin();
        fwCfg.Copy(FwCfgKey.KernelData, FwCfgKey.KernelSize, FwCfgKey.KernelAddress);
        fwCfg.Copy(FwCfgKey.InitrdData, FwCfgKey.InitrdSize, FwCfgKey.InitrdAddress);
        code.mov(ax, (ushort)(MultibootInformation.Start >> 4));
        code.mov(ds, ax);
        code.@int(0x12);
        code.movzx(eax, ax);
        code.mov(__dword_ptr[MultibootInformation.LowerMemory], eax);
        WriteMemoryMap(code);

        fwCfg.ReadNumber(FwCfgKey.KernelEntry);
        code.mov(esi, eax);
        code.cli();
        code.lgdt(__[MultibootInformation.TableRegister]);
        code.mov(eax, cr0);
        code.or(eax, 1);
        code.mov(cr0, eax);
        code.mov(eax, MultibootInformation.CodeSelector);
        code.push(eax);
        code.mov(eax, MultibootInformation.Start + MultibootInformation.Step);
        code.push(eax);
        code.AddInstruction(Instruction.Create(Code.Retfd)); // a far return with 32-bit operands
        fwCfg.End();
    });

    /// <summary>Entries of the BIOS, each behind its own length; the RAM from 1 MiB on is told in the structure too.</summary>
    private static void WriteMemoryMap(Assembler code)
    {
        Label next = code.CreateLabel(), notUpper = code.CreateLabel(), done = code.CreateLabel();
        code.mov(ax, (ushort)(MultibootInformation.MemoryMap >> 4));
        code.mov(es, ax);
        code.xor(di, di);
        code.xor(ebx, ebx);
        code.Label(ref next);
        code.mov(eax, 0xE820);
        code.mov(edx, MapSignature);
        code.mov(ecx, MapEntry);
        code.lea(di, __[di + 4]);
        code.@int(0x15);
        code.lea(di, __[di - 4]); // leaves carry, which is set past the end
        code.jc(done);
        code.mov(__dword_ptr.es[di], MapEntry);
        code.cmp(__dword_ptr.es[di + 4], OneMiB);
        code.jne(notUpper);
        code.cmp(__dword_ptr.es[di + 20], Ram);
        code.jne(notUpper);
        code.mov(eax, __dword_ptr.es[di + 12]);
        code.shr(eax, 10);
        code.mov(__dword_ptr[MultibootInformation.UpperMemory], eax);
        code.Label(ref notUpper);
        code.add(di, (ushort)(4 + MapEntry));
        code.cmp(di, MapLimit);
        code.jae(done);
        code.test(ebx, ebx);
        code.jnz(next);
        code.Label(ref done);
        code.movzx(eax, di);
        code.mov(__dword_ptr[MultibootInformation.MemoryMapLength], eax);
    }
}

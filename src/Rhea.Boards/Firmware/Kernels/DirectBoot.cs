using Rhea.Core;
using Rhea.Core.Config;
using Rhea.Devices.Chipset;

namespace Rhea.Boards.Firmware.Kernels;

/// <summary>A kernel from a file of the host's, started by the BIOS without a boot loader or a disk: <c>-kernel</c>.</summary>
public static class DirectBoot
{
    private const int BeforeAllOthers = -1;

    /// <summary>Puts the kernel, and the option ROM that starts it, into fw_cfg, and the ROM at the front of the boot order.</summary>
    /// <exception cref="ConfigException">A file that is missing, no kernel, or too large.</exception>
    public static void Install(KernelConfig config, RamSplit ram, FwCfg to, BootOrder order)
    {
        byte[] file = HostFile.Read(config.Path, $"could not open kernel file '{config.Path}'");
        if (LinuxKernel.Recognizes(file))
        {
            LinuxKernel.Install(file, config, ram, to);
            order.Add(BeforeAllOthers, BootOrder.Rom(LinuxKernel.RomFile));
        }
        else if (MultibootKernel.Recognizes(file))
        {
            MultibootKernel.Install(file, config, ram, to);
            order.Add(BeforeAllOthers, BootOrder.Rom(MultibootKernel.RomFile));
        }
        else
        {
            throw new ConfigException($"could not load kernel '{config.Path}': {Complaint(file)}");
        }
    }

    private static string Complaint(ReadOnlySpan<byte> file) => file.StartsWith("\u007FELF"u8)
        ? "it is an ELF file without a multiboot header; take the bzImage (arch/x86/boot/bzImage, or /boot/vmlinuz-*)"
        : "it is neither a Linux bzImage nor a multiboot kernel";
}

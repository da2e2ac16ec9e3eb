namespace Rhea.Hypervisors.Kvm;

/// <summary>What this host has of KVM, and in one sentence why it cannot be used and what would help.</summary>
public static class KvmHost
{
    public const string Device = "/dev/kvm";

    /// <summary>Null when it can be used.</summary>
    public static string? Problem
    {
        get
        {
            KvmFile? kvm = KvmFile.Open(Device, out int error);
            kvm?.Dispose();
            return kvm is null ? Explain(error) : null;
        }
    }

    /// <summary>
    /// The processor runs guests by itself, in the kernel's words for AMD's and Intel's. A KVM without that (as one in a virtual machine, by page
    /// tables alone) may be slower than the software processor, and does not run every guest.
    /// </summary>
    public static bool HasHardware
    {
        get
        {
            try
            {
                return File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal)) is { } flags
                    && flags.Split(' ') is var words && (words.Contains("svm") || words.Contains("vmx"));
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    internal static string Explain(int error) => error switch
    {
        KvmFile.PermissionDenied => $"{Device} exists but may not be opened: add yourself to the group kvm",
        KvmFile.NoSuchFile or KvmFile.NoDevice => HasHardware
            ? $"there is no {Device}, though this processor offers virtualization: load the module kvm-amd or kvm-intel"
            : $"there is no {Device}: this processor offers no virtualization here, so only the software CPU can run guests",
        _ => $"{Device} could not be opened: {new Host.HostException(-error).Message}",
    };
}

using Xunit;

namespace Rhea.GuestTests;

/// <summary>What the user can get wrong ends in one sentence on stderr and status 1, and never in a stack trace.</summary>
public class BadInputTests
{
    public static TheoryData<string, string> Wrong => new()
    {
        { "-drive file=/nonexistent/a.img,format=raw", "Could not open '/nonexistent/a.img': No such file or directory" },
        { "-hda /", "'file' driver requires '/' to be a regular file" },
        { "-cdrom /nonexistent.iso", "No such file or directory" },
        { "-kernel /etc/hostname", "/etc/hostname" },
        { "-kernel /nonexistent/a", "could not open kernel file '/nonexistent/a': No such file or directory" },
        { "-runas nobody-at-all", "-runas nobody-at-all: User 'nobody-at-all' doesn't exist (and is not <uid>:<gid>)" },
        { "-pidfile /nonexistent/a", "cannot create PID file: Could not create '/nonexistent/a': No such file or directory" },
        { "-D /nonexistent/a", "Error opening logfile /nonexistent/a: No such file or directory" },
        { "-serial file:/nonexistent/a", "-serial file:/nonexistent/a: Could not open '/nonexistent/a': No such file or directory" },
        { "-fw_cfg name=opt/a,file=/nonexistent/a", "can't load /nonexistent/a: No such file or directory" },
        { "-bios /etc/hostname", "could not load PC BIOS '/etc/hostname'" },
        { "-bios nosuchbios.bin", "could not load PC BIOS 'nosuchbios.bin'" },
        { "-device nosuchdevice", "nosuchdevice" },
        { "-device isa-debug-exit,nosuch=1", "nosuch" },
        { "-memory 12", "-memory: invalid option" },
        { "-m 12x", "12x" },
        { "-smp 0", "smp" },
        { "-cpu nosuchcpu", "nosuchcpu" },
        { "-cpu qemu64,+nosuchfeature", "nosuchfeature" },
        { "-cpu qemu64,nosuchproperty=1", "Property 'qemu64-x86_64-cpu.nosuchproperty' not found" },
        { "-cpu Skylake-Server,enforce", "TCG doesn't support requested features" },
        { "-machine nosuchmachine", "nosuchmachine" },
        { "-machine pc,acpi=perhaps", "acpi" },
        { "-accel nosuchaccel", "nosuchaccel" },
        { "-boot order=q", "q" },
        { "-icount shift=99", "Invalid shift value '99'" },
        { "-icount auto,sleep=off", "shift=auto and sleep=off are incompatible" },
        { "-seed many", "Invalid seed number: many" },
        { "-netdev user,id=n", "netdev" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public async Task Is_refused_in_a_sentence(string options, string says)
    {
        await using Emulator rhea = Emulator.Rhea([.. options.Split(' '), "-display", "none", "-S"]);

        Assert.Equal(1, await rhea.Exit(TimeSpan.FromSeconds(60)));
        Assert.Contains(says, rhea.Errors, StringComparison.Ordinal);
        Assert.StartsWith("rhea: ", rhea.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", rhea.Errors, StringComparison.Ordinal);
    }
}

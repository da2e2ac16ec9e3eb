using System.Text.RegularExpressions;
using Xunit;

namespace Rhea.GuestTests;

/// <summary>A machine in a file: <c>savevm</c>, <c>loadvm</c>, <c>rhea restore</c> and <c>rhea state show</c>.</summary>
public sealed partial class SavedFileTests
{
    private const string Counting = "i=0;while :;do i=$((i+1));echo count $i;usleep 2000;done";

    [Fact]
    public async Task A_file_is_enough_to_go_on_with_what_was_plugged_in_and_inserted_meanwhile()
    {
        using TemporaryFolder folder = Assets.Folder();
        await File.WriteAllBytesAsync(folder["disc"], new byte[64 << 10], TestContext.Current.CancellationToken);
        string[] machine =
        [
            "-display", "none", "-nic", "none", "-m", "128", "-cpu", "qemu64", "-serial", $"file:{folder["serial"]}", "-monitor", "stdio",
            "-kernel", Assets.CloudKernel, "-initrd", Assets.CloudInitrd, "-append", $"console=ttyS0 quiet panic=-1 -- {Counting}",
        ];
        await using (Emulator source = Emulator.Rhea(machine))
        {
            await source.Until(() => Numbers(folder["serial"]).Length > 100, "a hundred numbers");
            await source.Type($"device_add pvpanic-pci,id=card\nchange ide1-cd0 {folder["disc"]}\nsavevm {folder["saved"]}\ninfo status\n");
            await source.WaitFor("VM status: running");
            await source.Type("quit\n");
            Assert.Equal(0, await source.Exit());
        }

        int[] before = Numbers(folder["serial"]);
        File.Delete(folder["serial"]);
        await using (Emulator shown = Emulator.Bare("state", "show", folder["saved"]))
        {
            Assert.Equal(0, await shown.Exit());
            Assert.Contains("machine  pc-i440fx-7.2", shown.Output, StringComparison.Ordinal);
            Assert.Contains($"medium   ide1-cd0: {folder["disc"]}", shown.Output, StringComparison.Ordinal);
        }

        await using Emulator restored = Emulator.Bare("restore", folder["saved"]);
        await restored.Until(() => Numbers(folder["serial"]).Length > 100, "another hundred numbers");
        int first = Numbers(folder["serial"])[0];
        Assert.InRange(first, 101, before[^1] + 1); // the source went on after it had saved
        await restored.Type("info qtree\ninfo block\n");
        await restored.WaitFor("id \"card\"");
        await restored.WaitFor(folder["disc"]);

        await restored.Type($"loadvm {folder["saved"]}\n");
        await restored.Until(() => Numbers(folder["serial"]).Count(number => number == first + 5) == 2, "the same number once more");
        await restored.Type("quit\n");
        Assert.Equal(0, await restored.Exit());
    }

    [Fact]
    public async Task What_qemu_saved_can_be_looked_into()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using (Emulator qemu = Emulator.Qemu(["-display", "none", "-m", "32", "-nic", "none", "-S", .. Emulator.WithMonitor]))
        {
            await qemu.Monitor($"migrate \"exec:cat > {folder["stream"]}\"");
            await qemu.Monitor("quit");
            await qemu.Exit();
        }

        await using Emulator shown = Emulator.Bare("state", "show", folder["stream"], "i8254");
        Assert.Equal(0, await shown.Exit());
        Assert.Matches(@"i8254, instance 0, version 3\n(.*\n)*  channels\[2\]\.gate +uint8 +0x0", shown.Output);

        await using Emulator restored = Emulator.Bare("restore", folder["stream"]);
        Assert.Equal(1, await restored.Exit());
        Assert.Contains("does not tell which machine it is of", restored.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_that_a_file_does_not_fit_stands_still_and_can_be_started_anew()
    {
        using TemporaryFolder folder = Assets.Folder();
        await using (Emulator other = Emulator.Rhea(["-display", "none", "-m", "32", "-nic", "none", "-device", "pvpanic-pci,addr=9", .. Emulator.WithMonitor]))
        {
            Assert.Equal("", await other.Monitor($"savevm {folder["saved"]}"));
        }

        await using Emulator rhea = Emulator.Rhea(["-display", "none", "-m", "32", "-nic", "none", .. Emulator.WithMonitor]);
        Assert.Contains("this machine lacks 0000:00:09.0/pvpanic-pci", await rhea.Monitor($"loadvm {folder["saved"]}"), StringComparison.Ordinal);
        Assert.Contains("VM status: paused", await rhea.Monitor("info status"), StringComparison.Ordinal);
        await rhea.Monitor("cont");
        await rhea.WaitForScreen("No bootable device");
    }

    [Theory]
    [InlineData("/nope", "Could not open '/nope': No such file or directory")]
    [InlineData("/dev/null", "/dev/null: does not tell|a plain file is needed")]
    [InlineData("/etc/passwd", "does not tell which machine")]
    public async Task What_cannot_be_restored_is_refused_with_a_reason(string file, string reason)
    {
        await using Emulator rhea = Emulator.Bare("restore", file);

        Assert.Equal(1, await rhea.Exit());
        Assert.Matches($"^rhea: .*({reason})", rhea.Errors);
    }

    private static int[] Numbers(string serial)
    {
        if (!File.Exists(serial)) return [];
        using var reader = new StreamReader(File.Open(serial, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return [.. Number().Matches(reader.ReadToEnd()).Select(match => int.Parse(match.Groups[1].Value, null))];
    }

    [GeneratedRegex(@"count (\d+)\r?\n")]
    private static partial Regex Number();
}

using System.Text;
using Iced.Intel;
using Xunit;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Random programs, translated and interpreted; both must end in the same place with the same state.</summary>
/// <remarks>RHEA_TEST_ALL=1 makes it twenty times as many.</remarks>
public class SequenceTests
{
    private const int Programs = 5_000, Shown = 10;
    private const ulong Adjust = 0x10; // undefined after what computes with bits

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_translated_program_does_what_the_interpreted_one_does(bool is64)
    {
        int count = Programs * (Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? 20 : 1);
        using SoftProcessor translated = new(warmth: 0), interpreted = new(warmth: -1);
        var generator = new SequenceGenerator(1, is64);
        List<string> differences = [];
        for (var i = 0; i < count && differences.Count < Shown; i++)
        {
            CpuImage program = generator.Generate();
            CpuImage expected = interpreted.Run(program), found = translated.Run(program);
            if (Difference(expected, found) is { } difference) differences.Add($"{difference}\n{Listing(program)}");
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    private static string? Difference(CpuImage expected, CpuImage found)
    {
        if (expected.Vector != found.Vector) return $"exception {found.Vector} at {found.Ip:x}, not {expected.Vector} at {expected.Ip:x}";
        if (expected.Ip != found.Ip) return $"RIP {found.Ip:x}, not {expected.Ip:x}";
        for (var i = 0; i < 16; i++)
            if (expected[i] != found[i]) return $"register {i} {found[i]:x}, not {expected[i]:x}";
        if (((expected.Flags ^ found.Flags) & ~Adjust) != 0) return $"RFLAGS {found.Flags:x}, not {expected.Flags:x}";
        if (expected.Error != found.Error || expected.Cr2 != found.Cr2) return $"error {found.Error:x} CR2 {found.Cr2:x}, not {expected.Error:x} {expected.Cr2:x}";
        int at = expected.Fx.CommonPrefixLength(found.Fx);
        if (at != expected.Fx.Length) return $"FXSAVE image at {at}: {Convert.ToHexString(found.Fx[at..Math.Min(512, at + 8)])}, not {Convert.ToHexString(expected.Fx[at..Math.Min(512, at + 8)])}";
        return expected.Border.SequenceEqual(found.Border) && expected.Edge.SequenceEqual(found.Edge) ? null : "memory";
    }

    private static string Listing(CpuImage program)
    {
        var text = new StringBuilder();
        var decoder = Iced.Intel.Decoder.Create(program.Is64 ? 64 : 32, program.Code.ToArray(), CaseLayout.Start);
        do
        {
            Instruction instruction = decoder.Decode();
            text.AppendLine(null, $"    {instruction.IP:x} {instruction}");
            if (instruction.Code == Code.Int3) break;
        }
        while (decoder.IP < CaseLayout.Start + CaseLayout.CodeLength);

        return text.ToString();
    }
}

using Iced.Intel;
using Xunit;

namespace Rhea.Tests.SoftCpu.Differential;

/// <summary>Each instruction of <c>-cpu max</c> on the software processor, interpreted and translated, and on the host's own; all must agree.</summary>
/// <remarks>RHEA_TEST_ALL=1 makes it twenty times as many cases.</remarks>
public class DifferentialTests
{
    private const int CasesPerCode = 50, Shown = 40;

    [Theory]
    [InlineData(true, -1)]
    [InlineData(false, -1)]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    public void Every_instruction_does_what_it_does_on_the_hosts_processor(bool is64, int warmth)
    {
        int count = CasesPerCode * (Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? 20 : 1);
        List<CpuImage> cases = [];
        List<Code> missing = [];
        foreach (Code code in InstructionSet.Codes(is64))
        {
            var generator = new CaseGenerator((ulong)code, is64);
            int made = 0;
            for (; made < count && generator.Generate(code) is { } image; made++) cases.Add(image);
            if (made < count) missing.Add(code);
        }

        Assert.Empty(missing);
        List<CpuImage> native = NativeProcessor.Run(cases);
        Assert.SkipWhen(!is64 && native.All(after => after is { Vector: 13, Ip: CaseLayout.Start }), "the host's kernel has no 32-bit code segments");

        List<(Code Code, string Difference)> differences = [];
        using (var soft = new SoftProcessor(warmth))
        {
            for (var i = 0; i < cases.Count; i++)
            {
                Instruction instruction = CaseGenerator.Decode(cases[i]);
                if (Comparison.Find(instruction, cases[i], native[i], soft.Run(cases[i])) is { } difference)
                    differences.Add((instruction.Code, $"{instruction.Code} ({instruction}): {difference}"));
            }
        }
        IEnumerable<string> report = differences.GroupBy(found => found.Code).Select(group => $"{group.Count()}x {group.First().Difference}");
        Assert.True(differences.Count == 0, $"{differences.Count} of {cases.Count} cases differ:\n{string.Join('\n', report.Take(Shown))}");
    }
}

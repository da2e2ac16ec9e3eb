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
        int rounds = Environment.GetEnvironmentVariable("RHEA_TEST_ALL") == "1" ? 20 : 1, count = 0;
        List<(Code Code, string Difference)> differences = [];
        using var soft = new SoftProcessor(warmth);
        for (var round = 0; round < rounds; round++)
        {
            List<CpuImage> cases = Generate(is64, round), native = NativeProcessor.Run(cases);
            Assert.SkipWhen(!is64 && native.All(after => after is { Vector: 13, Ip: CaseLayout.Start }), "the host's kernel has no 32-bit code segments");
            count += cases.Count;
            differences.AddRange(Compare(soft, cases, native));
        }

        IEnumerable<string> report = differences.GroupBy(found => found.Code).Select(group => $"{group.Count()}x {group.First().Difference}");
        Assert.True(differences.Count == 0, $"{differences.Count} of {count} cases differ:\n{string.Join('\n', report.Take(Shown))}");
    }

    private static List<CpuImage> Generate(bool is64, int round)
    {
        List<CpuImage> cases = [];
        List<Code> missing = [];
        foreach (Code code in InstructionSet.Codes(is64))
        {
            var generator = new CaseGenerator((ulong)code | (ulong)round << 32, is64);
            int made = 0;
            for (; made < CasesPerCode && generator.Generate(code) is { } image; made++) cases.Add(image);
            if (made < CasesPerCode) missing.Add(code);
        }

        Assert.Empty(missing);
        return cases;
    }

    /// <summary>What differs is run again: under a hypervisor a host may lose a case, one in a million.</summary>
    private static IEnumerable<(Code Code, string Difference)> Compare(SoftProcessor soft, List<CpuImage> cases, List<CpuImage> native)
    {
        List<(CpuImage Case, CpuImage Result)> suspects = [];
        for (var i = 0; i < cases.Count; i++)
        {
            CpuImage result = soft.Run(cases[i]);
            if (Comparison.Find(CaseGenerator.Decode(cases[i]), cases[i], native[i], result) is not null) suspects.Add((cases[i], result));
        }

        List<CpuImage> again = suspects.Count == 0 ? [] : NativeProcessor.Run([.. suspects.Select(suspect => suspect.Case)]);
        for (var i = 0; i < suspects.Count; i++)
        {
            Instruction instruction = CaseGenerator.Decode(suspects[i].Case);
            if (Comparison.Find(instruction, suspects[i].Case, again[i], suspects[i].Result) is { } difference)
                yield return (instruction.Code, $"{instruction.Code} ({instruction}): {difference}");
        }
    }
}

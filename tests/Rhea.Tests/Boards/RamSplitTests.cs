using Rhea.Boards;
using Xunit;

namespace Rhea.Tests.Boards;

public class RamSplitTests
{
    [Theory]
    [InlineData(0x0800_0000UL, 0UL, 0x0800_0000UL, 0UL)]
    [InlineData(0xDFFF_F000UL, 0UL, 0xDFFF_F000UL, 0UL)]
    [InlineData(0xE000_0000UL, 0UL, 0xC000_0000UL, 0x2000_0000UL)]
    [InlineData(0x1_4000_0000UL, 0UL, 0xC000_0000UL, 0x8000_0000UL)]
    [InlineData(0x1_4000_0000UL, 0x8000_0000UL, 0x8000_0000UL, 0xC000_0000UL)]
    public void Ram_beyond_the_hole_goes_above_four_gigabytes(ulong total, ulong limit, ulong below, ulong above) =>
        Assert.Equal(new RamSplit(below, above), RamSplit.Of(total, limit));
}

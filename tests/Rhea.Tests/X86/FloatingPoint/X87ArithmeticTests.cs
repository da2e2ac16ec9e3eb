using Rhea.X86.FloatingPoint;
using Xunit;

namespace Rhea.Tests.X86.FloatingPoint;

public class X87ArithmeticTests
{
    private static readonly Float80 Three = new(0xC000_0000_0000_0000, 0x4000);

    [Theory]
    [InlineData(0x37F, 0xAAAA_AAAA_AAAA_AAAB)] // 64 bits, to nearest
    [InlineData(0x77F, 0xAAAA_AAAA_AAAA_AAAA)] // down
    [InlineData(0x27F, 0xAAAA_AAAA_AAAA_A800)] // 53 bits
    [InlineData(0x07F, 0xAAAA_AB00_0000_0000)] // 24 bits
    public void A_third_is_rounded_as_the_control_word_says(int control, ulong significand)
    {
        FloatEnvironment environment = FloatEnvironment.FromControlWord((ushort)control);

        Assert.Equal(new Float80(significand, 0x3FFD), X87Arithmetic.Divide(Float80.One, Three, ref environment));
        Assert.Equal(FloatExceptions.Precision, environment.Raised);
    }

    [Fact]
    public void Infinity_less_infinity_is_the_real_indefinite()
    {
        FloatEnvironment environment = FloatEnvironment.FromControlWord(0x37F);

        Assert.Equal(new Float80(0xC000_0000_0000_0000, 0xFFFF), X87Arithmetic.Subtract(Float80.Infinity, Float80.Infinity, ref environment));
        Assert.Equal(FloatExceptions.Invalid, environment.Raised);
    }

    /// <summary>A number that is smaller than the divisor comes out as it is, but in its usual form, and as a tiny result if that is told; literals from an AMD EPYC.</summary>
    [Theory]
    [InlineData(0x37F, 0x8000_0000_0000_0001, 0x8000_0000_0000_0001, 0x0001)] // a denormal's exponent with a normal number's significand
    [InlineData(0x37F, 0x4000_0000_0000_0001, 0x4000_0000_0000_0001, 0x0000)]
    [InlineData(0x36F, 0x8000_0000_0000_0001, 0x8000_0000_0000_0001, 0x0001)]
    [InlineData(0x36F, 0x0000_0000_0000_0001, 0x8000_0000_0000_0000, 0x5FC2)] // with underflow unmasked
    public void The_remainder_of_a_denormal_is_it(int control, ulong dividend, ulong significand, int exponent)
    {
        foreach (bool nearest in (ReadOnlySpan<bool>)[false, true])
        {
            foreach (Float80 divisor in (ReadOnlySpan<Float80>)[Float80.Infinity, Float80.One])
            {
                FloatEnvironment environment = FloatEnvironment.FromControlWord((ushort)control);

                Assert.Equal(new Float80(significand, (ushort)exponent), X87Remainder.Divide(new Float80(dividend, 0), divisor, nearest, ref environment).Remainder);
            }
        }
    }
}

using System.Runtime.Intrinsics;

namespace Rhea.SoftCpu.Translator;

/// <summary>A number as a sum of multiples of the general registers' values at some earlier point, of the page's RIP, and a constant.</summary>
/// <param name="Known">Else it may be anything.</param>
/// <param name="Terms">How often each register is in it.</param>
/// <param name="Pages">How often RIP of the page's first byte is.</param>
/// <param name="Constant">What is added.</param>
internal readonly record struct Line(bool Known, Vector128<sbyte> Terms, int Pages, long Constant)
{
    private const int Most = 8; // of one register: what an address can have

    public static Line Unknown => default;

    /// <summary>The value that a register had at that point.</summary>
    public static Line Of(int register) => new(true, Vector128<sbyte>.Zero.WithElement(register, (sbyte)1), 0, 0);

    /// <summary>RIP of a place in the page.</summary>
    public static Line OfPage(long place) => new(true, Vector128<sbyte>.Zero, 1, place);

    public static Line Number(long value) => new(true, Vector128<sbyte>.Zero, 0, value);

    /// <summary>No register is in it.</summary>
    public bool IsNumber => Known && Pages == 0 && Terms == Vector128<sbyte>.Zero;

    /// <summary>The only register in it, once, and nothing else; -1 when it is not so.</summary>
    public int OnlyRegister
    {
        get
        {
            for (var register = 0; register < Vector128<sbyte>.Count; register++)
                if (this == Of(register)) return register;
            return -1;
        }
    }

    /// <summary>It can be made of its registers by a few additions.</summary>
    public bool IsShort
    {
        get
        {
            if (!Known || Pages is < 0 or > 1 || Constant != (int)Constant) return false;
            var terms = 0;
            for (var register = 0; register < Vector128<sbyte>.Count; register++)
            {
                if (Terms[register] is not (0 or 1 or 2 or 4 or 8)) return false;
                if (Terms[register] != 0) terms++;
            }

            return terms <= 4;
        }
    }

    public Line Plus(long number) => this with { Constant = Constant + number };

    public Line Plus(in Line other) => Combine(in other, 1);

    public Line Minus(in Line other) => Combine(in other, -1);

    public Line Times(int factor) => Number(0).Combine(in this, factor);

    /// <summary>The same elements but for the constant.</summary>
    public bool IsBeside(in Line other) => Known && other.Known && Pages == other.Pages && Terms == other.Terms;

    private Line Combine(in Line other, int factor)
    {
        if (!Known || !other.Known) return Unknown;
        Vector128<sbyte> terms = Terms + (other.Terms * (sbyte)factor);
        if (Vector128.GreaterThanAny(Vector128.Abs(terms), Vector128.Create((sbyte)Most))) return Unknown;
        return new Line(true, terms, Pages + (other.Pages * factor), Constant + (other.Constant * factor));
    }
}

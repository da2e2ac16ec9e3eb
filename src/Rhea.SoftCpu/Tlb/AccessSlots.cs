using Rhea.Host;

namespace Rhea.SoftCpu.Tlb;

/// <summary>
/// The caches that memory accesses of generated code have each for itself, in front of the TLB: the page that was reached last, and how far from it
/// host memory is.
/// </summary>
/// <remarks>
/// <para>A slot is two words, the page's linear address XOR a salt, and what to add to a linear address. Those that <see cref="LocalSlots"/> lists are forgotten
/// one by one, all by another salt; each <see cref="TlbView"/> has its own, so code that changes its rights finds nothing that it may not reach.</para>
/// <para>Salts of which one may have replaced the other differ in bits where all canonical addresses are the same, so no canonical address matches
/// under the wrong one. These bits come in an order of their own each time, and the others are random, so that no guest can find an address that is not
/// canonical and does.</para>
/// </remarks>
internal sealed class AccessSlots
{
    /// <summary>Slots for reading; there are as many for writing. When there are more accesses, some share one.</summary>
    public const int Count = 1 << 16;

    /// <summary>Bytes of all.</summary>
    public const int Length = 2 * Count * Size;

    public const int Size = 2 * sizeof(ulong);

    private const int TopShift = 47, Tops = 1 << 15, Views = 4;
    private const ulong RandomBits = (1UL << TopShift) - 0x1000;

    private readonly Action _clear;
    private readonly ulong[] _salts = new ulong[Views];
    private ulong _random = HostEntropy.Next() | 1;
    private uint _top, _multiplier, _increment; // a linear congruential generator that comes by each number once (Knuth, TAOCP vol. 2, 3.2.1.2)
    private int _given = Tops;

    /// <param name="clear">Fills all slots with zeros: no salt has ever been 0.</param>
    public AccessSlots(Action clear)
    {
        _clear = clear;
        Forget();
    }

    public ulong SaltOf(TlbView view) => _salts[(int)view];

    /// <summary>Nothing that was reached before is known any more.</summary>
    public void Forget()
    {
        if (_given + Views >= Tops) // one of the numbers is 0
        {
            _clear();
            (_multiplier, _increment, _given) = (((uint)Next() & ~3u) | 1, (uint)Next() | 1, 0);
        }

        for (var view = 0; view < Views; view++) _salts[view] = (ulong)NextTop() << TopShift | (Next() & RandomBits);
    }

    /// <summary>Not 0, for that is where canonical addresses are.</summary>
    private uint NextTop()
    {
        _given++;
        do _top = ((_top * _multiplier) + _increment) & (Tops - 1);
        while (_top == 0);
        return _top;
    }

    /// <summary>Marsaglia's xorshift64*.</summary>
    private ulong Next()
    {
        _random ^= _random >> 12;
        _random ^= _random << 25;
        _random ^= _random >> 27;
        return _random * 0x2545_F491_4F6C_DD1D;
    }
}

namespace Rhea.GuestTests;

/// <summary>Numbers without a pattern, the same for the same seed on every host and in every release of .NET.</summary>
/// <remarks>Steele and others, "Fast splittable pseudorandom number generators", 2014.</remarks>
internal sealed class TestRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong mixed = _state += 0x9E37_79B9_7F4A_7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return mixed ^ (mixed >> 31);
    }

    public int Next(int end) => (int)(Next() % (ulong)end);

    public int Next(int first, int end) => first + Next(end - first);
}

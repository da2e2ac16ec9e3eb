using System.Text;

namespace Rhea.Devices.Storage;

/// <summary>The answer to IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: 256 words that say what a drive is and can.</summary>
/// <remarks>ATA/ATAPI-6, 8.15 and 8.16; the values are those of QEMU's drives.</remarks>
internal static class IdeIdentity
{
    public const int Heads = 16, SectorsPerTrack = 63, MostCylinders = 16383;

    public static void DescribeDisk(IdeTaskFile registers, IdeNames names, long sectors, IdeDiskTraits traits)
    {
        Describe(registers, names, [
            (0, 0x0040), (1, traits.Cylinders), (3, traits.Heads), (4, 512 * traits.SectorsPerTrack), (5, 512), (6, traits.SectorsPerTrack),
            (47, 0x8000 | IdeTaskFile.MultipleLimit), (48, 1), (49, 0x0B00), (51, 0x200), (52, 0x200), (53, 7),
            (59, 0x100 | IdeTaskFile.MultipleLimit), (62, 7), (63, 7), (64, 3), (65, 120), (66, 120), (67, 120), (68, 120), (69, 0x4000),
            (80, 0xF0), (81, 0x16), (82, 0x4021), (83, 0x7400), (84, 0x4000), (85, traits.WriteCache ? 0x4021 : 0x4001), (86, 0x3400), (87, 0x4000),
            (88, 0x203F), (93, 0x6001), (106, 0x6000), (169, 1), (217, traits.RotationRate)]);
        SetTranslation(registers, traits.Heads, traits.SectorsPerTrack, traits.Cylinders);
        SetDWord(registers, 60, Math.Min(sectors, 0x0FFF_FFFF));
        SetDWord(registers, 100, sectors);
        SetDWord(registers, 102, sectors >> 32);
        if (traits.WorldWideName is not { } name) return;
        registers.SetIdentifyWord(84, 0x4100);
        registers.SetIdentifyWord(87, 0x4100);
        for (var i = 0; i < 4; i++) registers.SetIdentifyWord(108 + i, (ushort)(name >> (48 - (i * 16))));
    }

    public static void DescribeCd(IdeTaskFile registers, IdeNames names) => Describe(registers, names, [
        (0, 0x85C0), (48, 1), (49, 0x0300), (53, 7), (62, 7), (63, 7), (64, 3), (65, 0xB4), (66, 0xB4), (67, 0x12C), (68, 0xB4),
        (71, 30), (72, 30), (80, 0x1E), (88, 0x203F)]);

    /// <summary>Words 54-58: how CHS addresses are counted now.</summary>
    public static void SetTranslation(IdeTaskFile registers, int heads, int sectorsPerTrack, int cylinders)
    {
        registers.SetIdentifyWord(54, cylinders);
        registers.SetIdentifyWord(55, heads);
        registers.SetIdentifyWord(56, sectorsPerTrack);
        SetDWord(registers, 57, (long)cylinders * heads * sectorsPerTrack);
    }

    private static void Describe(IdeTaskFile registers, IdeNames names, ReadOnlySpan<(int Word, int Value)> words)
    {
        registers.Identify.Clear();
        foreach ((int word, int value) in words) registers.SetIdentifyWord(word, value);
        SetText(registers, 10, 20, names.Serial);
        registers.SetIdentifyWord(20, 3);
        registers.SetIdentifyWord(21, 512);
        registers.SetIdentifyWord(22, 4);
        SetText(registers, 23, 8, names.Version);
        SetText(registers, 27, 40, names.Model);
    }

    private static void SetDWord(IdeTaskFile registers, int word, long value)
    {
        registers.SetIdentifyWord(word, (ushort)value);
        registers.SetIdentifyWord(word + 1, (ushort)(value >> 16));
    }

    /// <summary>The first character of each pair is in the high byte.</summary>
    private static void SetText(IdeTaskFile registers, int word, int length, string text)
    {
        byte[] padded = Encoding.Latin1.GetBytes(text.PadRight(length)[..length]);
        for (var i = 0; i < length; i += 2) registers.SetIdentifyWord(word + (i / 2), (padded[i] << 8) | padded[i + 1]);
    }
}

/// <summary>The texts of a drive's identity.</summary>
internal sealed record IdeNames(string Serial, string Version, string Model);

/// <summary>What a disk's identity says beside its size and names.</summary>
internal sealed record IdeDiskTraits(int Cylinders, int Heads, int SectorsPerTrack, bool WriteCache, int RotationRate, ulong? WorldWideName);

/// <summary>Words as a shell takes them.</summary>
internal static class Shell
{
    public static string Quoted(string word) => word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./=,:+@%".Contains(letter)) ? word
        : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}

namespace Rhea;

/// <summary>A PC in a few lines of C#.</summary>
public sealed class VirtualMachine
{
}

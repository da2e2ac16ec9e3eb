namespace Rhea.Core.Io;

/// <summary>A device that others send interrupt requests to.</summary>
public interface IInterruptController
{
    IReadOnlyList<IrqInput> Inputs { get; }
}

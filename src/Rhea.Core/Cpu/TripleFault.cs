namespace Rhea.Core.Cpu;

/// <summary>What a processor has shut down for, for the guest's developer: the exception that began it.</summary>
/// <param name="Description">The exception, where it was, the instruction's bytes, and why no handler could be called.</param>
/// <param name="MissingFeature">What the processor would have to have for the instruction, by its name in <c>-cpu</c>; null when that is not it.</param>
public sealed record TripleFault(string Description, string? MissingFeature);

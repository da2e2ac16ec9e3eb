namespace Rhea.Hypervisors.Xen;

/// <summary>The way into the hypervisor. What is called says what it returns; it is negative for an error.</summary>
internal interface IHypercalls : IDisposable
{
    /// <summary>One hypercall whose last argument is a structure, which may point to a buffer. Both come back as Xen left them.</summary>
    /// <param name="number">The hypercall.</param>
    /// <param name="command">Its first argument, where there is one before the structure; else -1.</param>
    /// <param name="structure">Its argument.</param>
    /// <param name="buffer">What the structure points to.</param>
    /// <param name="pointer">Where in the structure the buffer's address belongs.</param>
    long Call(Hypercall number, int command, Span<byte> structure, Span<byte> buffer = default, int pointer = 0);

    /// <summary>A hypercall of numbers alone.</summary>
    long Call(Hypercall number, ulong first, ulong second);

    /// <summary>Several hypercalls, each with a structure, in one; the first error, or 0.</summary>
    long CallAll(IReadOnlyList<(Hypercall Number, int Command, byte[] Structure)> calls);
}

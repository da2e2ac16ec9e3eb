using Xunit;

namespace Rhea.GuestTests;

/// <summary>Tests that make the host busy, or look at how busy it is: nothing else runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

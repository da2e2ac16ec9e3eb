using Xunit;

namespace Rhea.GuestTests;

/// <summary>
/// Tests with a hypervisor in Debian's QEMU: one at a time, since its processors are two threads, and the kernels in it have real-time
/// limits that they miss when these threads have to wait.
/// </summary>
[CollectionDefinition(nameof(Lab))]
public sealed class Lab;

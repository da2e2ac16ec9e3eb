using Xunit;

namespace Rhea.GuestTests;

public class VersionTests
{
    [Fact]
    public void The_library_is_there() => Assert.NotNull(new VirtualMachine());
}

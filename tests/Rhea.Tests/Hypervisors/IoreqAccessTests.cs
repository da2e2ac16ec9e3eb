using Rhea.GuestTests;
using Rhea.Hypervisors.Xen;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>An ioreq becomes accesses on the bus, whatever is in it.</summary>
public class IoreqAccessTests
{
    private const byte Pointer = 0x10, Read = 0x20, Down = 0x40;

    private readonly FakeBus _bus = new();

    [Fact]
    public void A_port_is_read_and_the_value_has_its_width()
    {
        _bus.Value = 0x1234_5678;

        Assert.Equal(0x78UL, Do(IoreqType.Port, 0x3F8, 0, 1, 1, Read));
        Assert.Equal(["in 3f8.1"], _bus.Accesses);
    }

    [Fact]
    public void A_port_is_written() => Expect(["out 80.2=5678"], IoreqType.Port, 0x80, 0x1234_5678, 1, 2, 0);

    [Fact]
    public void Memory_is_written_in_eight_bytes() => Expect(["write e0000000.8=1122334455667788"], IoreqType.Memory, 0xE000_0000, 0x1122_3344_5566_7788, 1, 8, 0);

    [Theory]
    [InlineData(0xE07UL, true)]
    [InlineData(0x401UL, false)]
    public void That_the_calendar_has_moved_is_told_among_the_writes(ulong entry, bool moved)
    {
        Assert.Equal(moved, IoreqAccess.IsTimeOffset(entry));
        if (moved) IoreqAccess.DoBuffered(entry, 0, _bus);
        Assert.Empty(_bus.Accesses);
    }

    [Fact]
    public void A_string_goes_from_a_port_to_memory()
    {
        _bus.Value = 0x41;

        Expect(["in 1f0.2", "write 600.2=41", "in 1f0.2", "write 602.2=41"], IoreqType.Port, 0x1F0, 0x600, 2, 2, Pointer | Read);
    }

    [Fact]
    public void A_string_goes_from_memory_to_a_port_downwards()
    {
        _bus.Value = 0x42;

        Expect(["read 600.1", "out 402.1=42", "read 5ff.1", "out 402.1=42"], IoreqType.Port, 0x402, 0x600, 2, 1, Pointer | Down);
    }

    [Fact]
    public void A_string_of_memory_moves_both_ends()
    {
        _bus.Value = 7;

        Expect(["read 1000.4", "write b8000.4=7", "read 1004.4", "write b8004.4=7"], IoreqType.Memory, 0xB_8000, 0x1000, 2, 4, Pointer);
    }

    /// <summary>The host bridge has latched the address that was written to CF8h.</summary>
    [Fact]
    public void Configuration_space_is_reached_through_its_data_port() => Expect(["in cfe.2"], IoreqType.PciConfig, (0x18UL << 32) | 0x0E, 0, 1, 2, Read);

    [Theory]
    [InlineData(0, 0u, Read)]
    [InlineData(0, 3u, Read)]
    [InlineData(0, 8u, Read)]
    [InlineData(0, 0x8000_0000u, Read)]
    [InlineData(1, 16u, 0)]
    [InlineData(7, 4u, 0)]
    [InlineData(8, 4u, 0)]
    [InlineData(0xFF, 4u, Read)]
    public void What_makes_no_sense_touches_nothing(byte type, uint size, byte flags)
    {
        ulong answer = Do((IoreqType)type, 0x60, 0x1234, 1, size, flags);

        Assert.Empty(_bus.Accesses);
        Assert.Equal(flags == Read ? ulong.MaxValue : 0x1234, answer);
    }

    [Fact]
    public void However_many_are_asked_for_at_most_a_page_moves()
    {
        Do(IoreqType.Port, 0x1F0, ulong.MaxValue - 1, uint.MaxValue, 4, Pointer | Read);

        Assert.Equal(2 * 1024, _bus.Accesses.Count);
    }

    /// <summary>Requests of random bits, and of likely values: each ends, with at most a page of data moved by accesses of sizes that there are, and answers within its width.</summary>
    [Fact]
    public void Whatever_is_in_a_request_it_ends_and_moves_no_more_than_a_page()
    {
        uint[] sizes = [0, 1, 2, 3, 4, 8, 16, 0x8000_0000], counts = [0, 1, 2, 4096, 4097, uint.MaxValue];
        ulong[] addresses = [0, 0x60, 0xCF8, 0xFFFF, 0x1_0000, uint.MaxValue, ulong.MaxValue, 0x8000_0000_0000_0000];
        var random = new TestRandom(7);
        for (var i = 0; i < 3_000; i++)
        {
            var request = new Ioreq
            {
                Type = (IoreqType)random.Next(i % 2 == 0 ? 3 : 256),
                Address = Pick(addresses, random),
                Data = Pick(addresses, random),
                Count = i % 4 == 0 ? (uint)random.Next() : counts[random.Next(counts.Length)],
                Size = i % 8 == 0 ? (uint)random.Next() : sizes[random.Next(sizes.Length)],
                Flags = (byte)random.Next(256),
            };
            _bus.Accesses.Clear();
            _bus.Value = Pick(addresses, random);

            ulong answer = IoreqAccess.Do(in request, _bus);

            int moved = _bus.Accesses.Count(access => access.StartsWith("read", StringComparison.Ordinal) || access.StartsWith("in", StringComparison.Ordinal));
            Assert.InRange(moved * Math.Min(request.Size, 8u), 0u, Math.Max(4096u, 8));
            if (request is { IsRead: true, DataIsPointer: false } && _bus.Accesses.Count > 0 && request.Size < 8) Assert.Equal(0UL, answer >> (int)(request.Size * 8));
            Assert.DoesNotContain(_bus.Accesses, access => access[(access.IndexOf('.', StringComparison.Ordinal) + 1)..].Split('=')[0] is not ("1" or "2" or "4" or "8"));

            _bus.Accesses.Clear();
            IoreqAccess.DoBuffered(random.Next(), random.Next(), _bus);
            Assert.InRange(_bus.Accesses.Count, 0, 1);
        }
    }

    [Theory]
    [InlineData(0x0000_0041_B800_0801UL, "write b8000.4=41")]
    [InlineData(0x1234_5641_A000_1001UL, "write a0001.1=41")]
    [InlineData(0x0000_0041_0040_2000UL, "out 402.1=41")]
    public void A_write_from_the_ring(ulong entry, string access)
    {
        IoreqAccess.DoBuffered(entry, 0, _bus);

        Assert.Equal([access], _bus.Accesses);
    }

    [Fact]
    public void Eight_bytes_take_two_entries_of_the_ring()
    {
        ulong entry = 0x5566_7788_A000_0C01UL, high = 0x1122_3344_0000_0000UL;

        Assert.True(IoreqAccess.IsWide(entry));
        IoreqAccess.DoBuffered(entry, high, _bus);

        Assert.Equal(["write a0000.8=1122334455667788"], _bus.Accesses);
    }

    private void Expect(string[] accesses, IoreqType type, ulong address, ulong data, uint count, uint size, byte flags)
    {
        Do(type, address, data, count, size, flags);
        Assert.Equal(accesses, _bus.Accesses);
    }

    private ulong Do(IoreqType type, ulong address, ulong data, uint count, uint size, byte flags) =>
        IoreqAccess.Do(new Ioreq { Type = type, Address = address, Data = data, Count = count, Size = size, Flags = flags }, _bus);

    private static ulong Pick(ulong[] likely, TestRandom random) => random.Next(2) == 0 ? likely[random.Next(likely.Length)] : random.Next();
}

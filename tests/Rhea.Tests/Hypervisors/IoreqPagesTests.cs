using System.Runtime.InteropServices;
using Rhea.GuestTests;
using Rhea.Hypervisors.Xen;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>Accesses are taken from the pages shared with Xen, whatever is in them.</summary>
public sealed class IoreqPagesTests : IDisposable
{
    private const int Slots = 4096, SlotLength = 32, State = 30, Ring = 8, RingEntries = 511, Length = 8192, Processors = 4;
    private const byte Ready = 1, Answered = 3, Read = 0x20;

    private readonly FileStream _file = new(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
    private readonly FakeBus _bus = new();
    private readonly List<long> _moves = [];
    private readonly nint _at;
    private readonly IoreqPages _pages;
    private int _invalidated;

    public IoreqPagesTests()
    {
        _file.SetLength(Length);
        _at = HostMemory.MapShared(Length, Descriptor);
        _pages = new IoreqPages(new SharedPages(_at, Length), [_bus, _bus, _bus, _bus], _moves.Add, () => _invalidated++);
    }

    private int Descriptor => (int)_file.SafeFileHandle.DangerousGetHandle();

    private Span<byte> Shared => HostMemory.Bytes(_at, Length);

    public void Dispose()
    {
        _pages.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void A_processor_that_waits_gets_its_answer()
    {
        _bus.Value = 0x5A;
        Put(2, new Ioreq { Type = IoreqType.Port, Address = 0x60, Count = 1, Size = 1, Flags = Read | Ready });

        Assert.True(_pages.Answer(2));

        Assert.Equal((0x5AUL, (byte)(Read | Answered)), (Slot(2).Data, Slot(2).Flags));
        Assert.Equal(["in 60.1"], _bus.Accesses);
    }

    /// <summary>None, in process, answered, and those that there are not.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(15)]
    public void A_slot_in_any_other_state_is_left_alone(byte state)
    {
        Put(0, new Ioreq { Type = IoreqType.Port, Address = 0x60, Count = 1, Size = 1, Flags = (byte)(Read | state) });

        Assert.False(_pages.Answer(0));

        Assert.Empty(_bus.Accesses);
        Assert.Equal(Read | state, Slot(0).Flags);
    }

    [Fact]
    public void That_pages_have_moved_is_told()
    {
        Put(0, new Ioreq { Type = IoreqType.Invalidate, Flags = Ready });

        Assert.True(_pages.Answer(0));

        Assert.Equal((1, Answered), (_invalidated, Slot(0).Flags));
    }

    [Fact]
    public void Writes_from_the_ring_are_done_in_their_order()
    {
        PutRing(0, 0x0000_0041_B800_0801, 0x5566_7788_A000_0C01, 0x1122_3344_0000_0000, 0xFFFF_FFFE_0000_0E07, 0xFFFF_FFFF_0000_0000);

        _pages.Drain();

        Assert.Equal(["write b8000.4=41", "write a0000.8=1122334455667788"], _bus.Accesses);
        Assert.Equal([-2], _moves);
        Assert.Equal(5U, Pointer(0));
    }

    [Fact]
    public void A_ring_goes_round_and_an_entry_without_its_second_half_has_zeros_there()
    {
        PutRing(uint.MaxValue / RingEntries * RingEntries - 1, 0x0000_0041_B800_0801, 0x5566_7788_A000_0C01);

        _pages.Drain();

        Assert.Equal(["write b8000.4=41", "write a0000.8=55667788"], _bus.Accesses);
    }

    /// <summary>Pointers that are further from each other than the ring is long.</summary>
    [Theory]
    [InlineData(0U, 100_000U)]
    [InlineData(5U, 4U)]
    [InlineData(uint.MaxValue, 0x8000_0000U)]
    public void At_most_a_ring_of_writes_is_done_at_once(uint read, uint write)
    {
        for (var i = 0; i < RingEntries; i++) MemoryMarshal.Write(Shared[(Ring + (i * sizeof(ulong)))..], 0x0000_0041_B800_0801UL);
        MemoryMarshal.Write(Shared, read);
        MemoryMarshal.Write(Shared[4..], write);

        _pages.Drain();

        Assert.Equal(RingEntries, _bus.Accesses.Count);
        Assert.Equal(unchecked(read + RingEntries), Pointer(0));
    }

    /// <summary>
    /// Both pages full of random bytes, or of likely ones: each slot that is ready is answered, the others are not touched, and an access moves
    /// at most a page: twice 4,096 accesses of a byte.
    /// </summary>
    [Fact]
    public void Whatever_is_in_the_pages_the_work_is_bounded()
    {
        byte[] likely = [0, 1, 2, 4, 8, 9, 0x10, 0x21, 0x31, 0x51, 0x71, 0x7F, 0x80, 0xFF];
        var random = new TestRandom(13);
        var bus = new FakeBus { Notes = false };
        using var pages = new IoreqPages(new SharedPages(HostMemory.MapShared(Length, Descriptor), Length), [bus, bus, bus, bus], _moves.Add, () => _invalidated++);
        for (var round = 0; round < 300; round++)
        {
            for (var i = 0; i < Length; i++) Shared[i] = round % 2 == 0 ? (byte)random.Next(256) : likely[random.Next(likely.Length)];
            for (var index = 0; index < Processors; index++)
                if (random.Next(2) == 0) Flags(index) = (byte)((Flags(index) & 0xF0) | Ready);
            byte[] before = [.. Enumerable.Range(0, Processors).Select(index => Flags(index))];
            bus.Count = 0;

            pages.Drain();
            Assert.InRange(bus.Count, 0, RingEntries);
            for (var index = 0; index < Processors; index++)
            {
                bus.Count = 0;
                bool ready = (before[index] & 15) == Ready;

                Assert.Equal(ready, pages.Answer(index));

                Assert.Equal(ready ? before[index] & 0xF0 | Answered : before[index], Flags(index));
                Assert.InRange(bus.Count, 0, ready ? 8192 : 0);
            }
        }

        Assert.NotEqual(0, _invalidated);
    }

    private ref byte Flags(int index) => ref Shared[Slots + (index * SlotLength) + State];

    private Ioreq Slot(int index) => MemoryMarshal.Read<Ioreq>(Shared[(Slots + (index * SlotLength))..]);

    private void Put(int index, Ioreq request) => MemoryMarshal.Write(Shared[(Slots + (index * SlotLength))..], request);

    private uint Pointer(int which) => MemoryMarshal.Read<uint>(Shared[(which * sizeof(uint))..]);

    private void PutRing(uint read, params ulong[] entries)
    {
        for (var i = 0; i < entries.Length; i++) MemoryMarshal.Write(Shared[(Ring + ((int)((read + (uint)i) % RingEntries) * sizeof(ulong)))..], entries[i]);
        MemoryMarshal.Write(Shared, read);
        MemoryMarshal.Write(Shared[4..], read + (uint)entries.Length);
    }
}

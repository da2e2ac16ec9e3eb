using System.Runtime.InteropServices;
using Rhea.GuestTests;
using Rhea.Hypervisors.Xen;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>The process beside the guest's does what is on its list, to its own domain, whatever it is asked.</summary>
public sealed class XenKeeperTests : IDisposable
{
    private const long NotPermitted = -13, Invalid = -22, TooMuch = -7, NoSuchProcess = -3, NotThere = -38;
    private const ulong Vcpus = 2, Megabytes = 64;

    private static readonly byte[] Handle = [.. "rhea"u8, .. new byte[12]];

    private readonly FakeHypercalls _xen = new();

    public void Dispose() => _xen.Dispose();

    [Fact]
    public void It_makes_a_domain_and_destroys_it_when_nobody_asks_any_more()
    {
        Assert.Equal(FakeHypercalls.Id, Assert.Single(Keep([Made])).Result);

        Assert.Equal(
        [
            "CreateDomain 0", "MaxMemory 7", "MaxVcpus 7", "HvmOp 7: HpetEnabled", "HvmOp 7: TripleFaultReason", "HvmOp 7: TimerMode", "HvmOp 7: AcpiPortsLocation",
            "SetPagingPool 7", "DestroyDomain 7",
        ], _xen.Calls);
        Assert.True(_xen.Disposed);
    }

    [Fact]
    public void What_has_another_handle_in_the_end_is_left_alone()
    {
        Keep([Made], then: () => _xen.Call(Hypercall.Domctl, -1, Created(new byte[16])));

        Assert.DoesNotContain("DestroyDomain 7", _xen.Calls);
    }

    [Fact]
    public void A_toolstacks_domain_stays_and_is_described()
    {
        List<XenAnswer> answers = Keep([(new(XenRequest.Join, 0, 7, 0, 0), []), (new(XenRequest.Pause, 0, 0, 0, 0), [])]);

        Assert.Equal((7, 112), (answers[0].Result, answers[0].Data.Length));
        Assert.Equal(["GetDomainInfo 7", "HvmOp 7: TimerMode", "HvmOp 7: AcpiPortsLocation", "PauseDomain 7"], _xen.Calls);
    }

    [Theory]
    [InlineData((uint)XenRequest.Pause, 0, 0, 0, 0, "PauseDomain 7")]
    [InlineData((uint)XenRequest.Unpause, 0, 0, 0, 0, "UnpauseDomain 7")]
    [InlineData((uint)XenRequest.Resume, 0, 0, 0, 0, "ResumeDomain 7")]
    [InlineData((uint)XenRequest.Info, 0, 0, 0, 0, "GetDomainInfo 7")]
    [InlineData((uint)XenRequest.IsBlocked, 1, 0, 0, 0, "GetVcpuInfo 7")]
    [InlineData((uint)XenRequest.ResetVcpu, 1, 0, 0, 0, "SetVcpuContext 7")]
    [InlineData((uint)XenRequest.SetContext, 0, 0, 0, 40, "SetHvmContext 7: 40 bytes")]
    [InlineData((uint)XenRequest.SetCalendar, ulong.MaxValue, 0, 0, 0, "SetTimeOffset 7")]
    [InlineData((uint)XenRequest.SetTscRate, 2_000_000, 0, 0, 0, "SetTscInfo 7")]
    [InlineData((uint)XenRequest.GetCpuid, 0, 0, 0, 0, "GetCpuPolicy 7: 12288 bytes")]
    [InlineData((uint)XenRequest.SetCpuid, 0, 0, 0, 48, "SetCpuPolicy 7: 48 bytes")]
    [InlineData((uint)XenRequest.AllowMemory, 65536, 0, 0, 0, "MaxMemory 7")]
    [InlineData((uint)XenRequest.Populate, 0x100, 3, 0, 0, "PopulatePhysmap 7: 3 of order 0 from 100 to 102, flags 0")]
    [InlineData((uint)XenRequest.Populate, 0x200, 8192, 9, 0, "PopulatePhysmap 7: 8192 of order 9 from 200 to 400000, flags 0")]
    [InlineData((uint)XenRequest.Release, 0xFFFF_FFFE, 2, 0, 0, "DecreaseReservation 7: 2 of order 0 from fffffffe to ffffffff, flags 0")]
    [InlineData((uint)XenRequest.FreeMemory, 0, 0, 0, 0, "PhysicalInfo")]
    public void Each_request_is_one_call_about_its_own_domain(uint request, ulong first, ulong second, ulong third, int length, string call)
    {
        XenAnswer answer = Keep([Made, (new((XenRequest)request, (uint)length, first, second, third), new byte[length])])[1];

        Assert.InRange(answer.Result, 0, 8192);
        Assert.Equal([call], _xen.Calls[8..^1]);
    }

    [Fact]
    public void All_records_come_in_one_answer()
    {
        XenAnswer answer = Keep([Made, (new(XenRequest.GetContext, 0, 0, 0, 0), [])])[1];

        Assert.Equal(1000, answer.Data.Length);
        Assert.Equal(["GetHvmContext 7", "GetHvmContext 7: 1000 bytes"], _xen.Calls[8..^1]);
    }

    [Theory]
    [InlineData((uint)XenRequest.Make, 1, 64, 0, 16, NotPermitted)] // once
    [InlineData((uint)XenRequest.Join, 3, 0, 0, 0, NotPermitted)]
    [InlineData((uint)XenRequest.IsBlocked, 128, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.IsBlocked, 0x1_0000_0000, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.ResetVcpu, ulong.MaxValue, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.SetContext, 0, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.SetTscRate, 0, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.SetTscRate, 0x1_0000_0000, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.SetCpuid, 0, 0, 0, 25, Invalid)]
    [InlineData((uint)XenRequest.SetCpuid, 0, 0, 0, 513 * 24, Invalid)]
    [InlineData((uint)XenRequest.AllowMemory, 0x41_0001, 0, 0, 0, Invalid)] // 64 MiB, and 4 GiB for devices
    [InlineData((uint)XenRequest.AllowMemory, ulong.MaxValue, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, 0, 0, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, 0, 8193, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, 0, 1, 18, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, 0, 1, 64, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, 0xFFFF_FFFF, 2, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Populate, ulong.MaxValue, 2, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Release, 0x1_0000_0000, 1, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Release, 0, ulong.MaxValue, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Pause, 0, 0, 0, 1, Invalid)] // with data that it has no use for
    [InlineData(0U, 0, 0, 0, 0, NotThere)]
    [InlineData(uint.MaxValue, 0, 0, 0, 0, NotThere)]
    [InlineData((uint)XenRequest.SetContext, 0, 0, 0, (4 << 20) + 1, TooMuch)]
    [InlineData((uint)XenRequest.Pause, 0, 0, 0, (12 << 20) + 5, TooMuch)]
    public void What_is_out_of_bounds_is_an_error_and_the_next_request_is_answered(uint request, ulong first, ulong second, ulong third, int length, long error)
    {
        List<XenAnswer> answers = Keep([Made, (new((XenRequest)request, (uint)length, first, second, third), new byte[length]), (new(XenRequest.Pause, 0, 0, 0, 0), [])]);

        Assert.Equal([error, 0], answers[1..].Select(answer => answer.Result));
        Assert.Equal(["PauseDomain 7"], _xen.Calls[8..^1]);
    }

    [Theory]
    [InlineData((uint)XenRequest.Make, 0, 64, 16, Invalid)]
    [InlineData((uint)XenRequest.Make, 129, 64, 16, Invalid)]
    [InlineData((uint)XenRequest.Make, 1, ulong.MaxValue, 16, Invalid)]
    [InlineData((uint)XenRequest.Make, 1, 64, 15, Invalid)]
    [InlineData((uint)XenRequest.Join, 0, 0, 0, Invalid)] // that is Dom0
    [InlineData((uint)XenRequest.Join, 0x1_0007, 0, 0, Invalid)]
    [InlineData((uint)XenRequest.Pause, 0, 0, 0, NotPermitted)]
    [InlineData((uint)XenRequest.FreeMemory, 0, 0, 0, NotPermitted)]
    public void Before_there_is_a_domain_nothing_reaches_xen(uint request, ulong first, ulong second, int length, long error)
    {
        Assert.Equal(error, Assert.Single(Keep([(new((XenRequest)request, (uint)length, first, second, 0), new byte[length])])).Result);
        Assert.Empty(_xen.Calls);
    }

    /// <summary>Of a number that there is no more, Xen tells about the next domain.</summary>
    [Fact]
    public void Another_domain_is_not_told_about()
    {
        _xen.Told = 9;

        Assert.Equal(NoSuchProcess, Keep([Made, (new(XenRequest.Info, 0, 0, 0, 0), [])])[1].Result);
        Assert.Equal(NoSuchProcess, Assert.Single(Keep([(new(XenRequest.Join, 0, 7, 0, 0), [])])).Result);
    }

    /// <summary>
    /// Requests of likely and of random numbers: each whole one is answered, and no hypercall is about another domain or
    /// none of those on the list. The domain goes in the end, for the last request is cut off.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-22)]
    public void Whatever_is_asked_only_its_own_domain_feels_it(long result)
    {
        ulong[] numbers = [0, 1, 7, 9, 18, 127, 128, 8192, 8193, uint.MaxValue, 1UL << 32, ulong.MaxValue];
        uint[] lengths = [0, 0, 0, 1, 16, 24, 48, 12288, 12312];
        var random = new TestRandom(11);
        var requests = new List<(XenRequestHead, byte[])> { Made };
        for (var i = 0; i < 3_000; i++)
        {
            var data = new byte[lengths[random.Next(lengths.Length)]];
            for (var at = 0; at < Math.Min(data.Length, 64); at++) data[at] = (byte)random.Next(256);
            var request = (XenRequest)(i % 8 == 0 ? (uint)random.Next() : (uint)random.Next(24));
            requests.Add((new(request, (uint)data.Length, Number(), Number(), Number()), data));
        }

        List<XenAnswer> answers = Keep(requests, then: null, last: [1, 2, 3, 4, 5], afterMake: () => _xen.Result = result);

        Assert.Equal(requests.Count, answers.Count);
        Assert.Equal("DestroyDomain 7", _xen.Calls[^1]);
        string[] allowed =
        [
            "PauseDomain", "UnpauseDomain", "ResumeDomain", "GetDomainInfo", "GetVcpuInfo", "SetVcpuContext", "GetHvmContext", "SetHvmContext", "SetTimeOffset", "SetTscInfo", "GetCpuPolicy",
            "SetCpuPolicy", "MaxMemory", "PopulatePhysmap", "DecreaseReservation",
        ];
        string[] asked = [.. _xen.Calls[8..^1].Where(call => call != "PhysicalInfo").Select(call => call.Split(':')[0]).Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(allowed.Select(name => $"{name} 7").Order(StringComparer.Ordinal), asked);

        ulong Number() => random.Next(3) == 0 ? random.Next() : numbers[random.Next(numbers.Length)];
    }

    [Fact]
    public void A_stream_without_any_sense_is_answered_to_its_end()
    {
        var random = new TestRandom(12);
        for (var round = 0; round < 20; round++)
        {
            var noise = new byte[random.Next(20_000)];
            for (var i = 0; i < noise.Length; i++) noise[i] = (byte)(random.Next(4) == 0 ? random.Next(256) : 0);
            using var answers = new MemoryStream();

            XenKeeper.Keep(new XenHost(_xen, XenInterface.All[0]), new MemoryStream(noise), answers);

            Read(answers);
        }

        Assert.DoesNotContain(_xen.Calls, call => !call.StartsWith("CreateDomain", StringComparison.Ordinal) && call != "PhysicalInfo" && !call.Split(':')[0].EndsWith(" 7", StringComparison.Ordinal));
    }

    private static (XenRequestHead Head, byte[] Data) Made => (new(XenRequest.Make, (uint)Handle.Length, Vcpus, Megabytes, 0), Handle);

    private static byte[] Created(byte[] handle)
    {
        var structure = new byte[144];
        structure[0] = 1;
        handle.CopyTo(structure, 20);
        return structure;
    }

    /// <summary>What comes back for each request. After the first and after the last, something may happen in Xen; at the end there may be a request that is not whole.</summary>
    private List<XenAnswer> Keep(List<(XenRequestHead Head, byte[] Data)> requests, Action? then = null, byte[]? last = null, Action? afterMake = null)
    {
        using var asked = new MemoryStream();
        foreach ((XenRequestHead head, byte[] data) in requests)
        {
            asked.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<XenRequestHead>(in head)));
            asked.Write(data);
        }

        asked.Write(last ?? []);
        asked.Position = 0;
        using var answers = new AnswerStream(requests.Count, afterMake, then);
        XenKeeper.Keep(new XenHost(_xen, XenInterface.All[0]), asked, answers);
        return Read(answers);
    }

    private static List<XenAnswer> Read(MemoryStream answers)
    {
        var read = new List<XenAnswer>();
        answers.Position = 0;
        while (answers.Position < answers.Length)
        {
            var head = default(XenAnswerHead);
            answers.ReadExactly(MemoryMarshal.AsBytes(new Span<XenAnswerHead>(ref head)));
            var data = new byte[head.Length];
            answers.ReadExactly(data);
            read.Add(new XenAnswer(head.Result, data));
        }

        return read;
    }

    /// <summary>Tells when the first answer and when the last has been given.</summary>
    private sealed class AnswerStream(int last, Action? afterFirst, Action? afterLast) : MemoryStream
    {
        private int _given;

        public override void Flush()
        {
            _given++;
            if (_given == 1) afterFirst?.Invoke();
            if (_given == last) afterLast?.Invoke();
        }
    }
}

using Rhea.Core;
using Rhea.Hypervisors.Xen;

namespace Rhea.Tests.Hypervisors;

/// <summary>A domain's physical memory without Xen: machine pages in a file, and which of them is at which frame.</summary>
internal sealed class FakeXenFrames : IXenFrames, IDisposable
{
    private const int PageSize = 4096;

    private readonly Dictionary<ulong, int> _machine = []; // by the guest's frame
    private readonly HashSet<ulong> _readOnly = [];
    private readonly FileStream _file = new(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
    private int _next;

    /// <summary>Pages that the host still has.</summary>
    public int Free { get; set; } = 1 << 20;

    public ulong Allowed { get; private set; }

    /// <summary>What was asked, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Frames that were written to, as Xen would have it.</summary>
    public HashSet<ulong> Dirty { get; } = [];

    public int Populated => _machine.Count;

    private int Descriptor => (int)_file.SafeFileHandle.DangerousGetHandle();

    public void Allow(ulong frames) => Allowed += frames;

    public void Populate(ulong frame, ulong count)
    {
        Calls.Add($"populate {frame:x}+{count:x}");
        for (ulong i = 0; i < count; i++)
        {
            if (Free-- <= 0) throw new ConfigException("no memory is left");
            if (!_machine.TryAdd(frame + i, _next)) throw new InvalidOperationException($"frame {frame + i:x} is taken");
            _next++;
        }

        _file.SetLength((long)_next * PageSize);
    }

    public void Move(ulong from, ulong to, ulong count)
    {
        Calls.Add($"move {from:x}->{to:x}+{count:x}");
        for (ulong i = 0; i < count; i++)
        {
            if (!_machine.Remove(from + i, out int page)) throw new InvalidOperationException($"nothing is at frame {from + i:x}");
            if (!_machine.TryAdd(to + i, page)) throw new InvalidOperationException($"frame {to + i:x} is taken");
            _readOnly.Remove(from + i);
        }
    }

    public void Release(ulong frame, ulong count)
    {
        Calls.Add($"release {frame:x}+{count:x}");
        for (ulong i = 0; i < count; i++) _machine.Remove(frame + i);
    }

    public void Protect(ulong frame, ulong count, bool readOnly)
    {
        for (ulong i = 0; i < count; i++)
            if (readOnly) _readOnly.Add(frame + i);
            else _readOnly.Remove(frame + i);
    }

    public void Map(nint at, ReadOnlySpan<ulong> frames, Span<int> errors)
    {
        for (var i = 0; i < frames.Length; i++)
        {
            errors[i] = _machine.ContainsKey(frames[i]) ? 0 : -22;
            if (errors[i] == 0) HostMemory.MapFixed(at + (i * PageSize), PageSize, Descriptor, (long)_machine[frames[i]] * PageSize);
        }
    }

    public bool CollectDirty(ulong frame, ulong count, Span<byte> bitmap)
    {
        for (ulong i = 0; i < count; i++)
            if (Dirty.Remove(frame + i)) bitmap[(int)(i / 8)] |= (byte)(1 << (int)(i % 8));
        return true;
    }

    public bool IsReadOnly(ulong frame) => _readOnly.Contains(frame);

    /// <summary>What the guest reads there; -1 where nothing is.</summary>
    public int Read(ulong address)
    {
        if (!_machine.TryGetValue(address / PageSize, out int page)) return -1;
        nint at = HostMemory.MapShared(PageSize, Descriptor, (long)page * PageSize);
        int value = HostMemory.Bytes(at, PageSize)[(int)(address % PageSize)];
        HostMemory.Unmap(at, PageSize);
        return value;
    }

    public void Dispose() => _file.Dispose();
}

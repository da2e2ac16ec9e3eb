using System.Runtime.CompilerServices;
using Rhea.Core.Cpu;
using Rhea.Core.Memory;
using Rhea.Host;
using Rhea.SoftCpu.CodeCache;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.Tlb;

/// <summary>All memory accesses that the TLB does not answer at once: the page walk, page crossings, registers of devices, pages with code.</summary>
/// <remarks>UNSAFE: hands out host addresses. SAFETY: each comes from a map entry that covers the page.</remarks>
internal sealed unsafe class Mmu : IDisposable
{
    private const ulong PageMask = 0xFFF;
    private const int Patience = 64; // writes to pages that had code, until one is believed to get none again

    private readonly Cpu _cpu;
    private TlbView _view;
    private bool _checksAlignment;
    private readonly TablePage[] _tablePages = new TablePage[TablePage.Count];
    private MapEntry? _entry; // the one used last
    private CodePages? _pages; // of its block, if it may be written
    private FlatMap? _map;
    private Part _first, _second;
    private PageKind _page; // of what was translated last
    private int _believed; // writes to pages that had code

    /// <param name="cpu">Whose memory it is.</param>
    /// <param name="clearSlots">Fills all of <see cref="AccessSlots"/> with zeros.</param>
    /// <param name="localSlots">Those that a change of CR3 concerns.</param>
    public Mmu(Cpu cpu, Action clearSlots, LocalSlots localSlots) => (_cpu, Tables) = (cpu, new TlbTables(cpu, new AccessSlots(clearSlots), localSlots));

    /// <summary>The pages that are known.</summary>
    public TlbTables Tables { get; }

    /// <summary>Width of a physical address, as CPUID tells the guest.</summary>
    public int PhysicalBits { get; set; } = 40;

    /// <summary>Chooses the entries that the running code may use.</summary>
    public void Select(TlbView view, bool checksAlignment)
    {
        (_view, _checksAlignment) = (view, checksAlignment);
        Tables.Show(checksAlignment || Breakpoints ? TlbView.Checked : view);
    }

    /// <summary>A data breakpoint is set: no access goes unseen.</summary>
    public bool Breakpoints { get; set; }

    // Data

    public bool Read(ulong linear, Span<byte> into, SegmentRegister segment) =>
        Check(linear, into.Length, segment) && Read(linear, into, _view);

    public bool Write(ulong linear, ReadOnlySpan<byte> from, SegmentRegister segment)
    {
        if (!Check(linear, from.Length, segment) || !Prepare(linear, from.Length, write: true, _view)) return false;
        CommitWrite(from);
        return true;
    }

    public bool CanRead(ulong linear, int size, SegmentRegister segment) =>
        Check(linear, 1, segment) && Prepare(linear, size, write: false, _view);

    public bool CanWrite(ulong linear, int size, SegmentRegister segment) =>
        Check(linear, 1, segment) && Prepare(linear, size, write: true, _view);

    /// <summary>Reads what <see cref="CommitWrite"/> is going to write, once it is sure that it may.</summary>
    public bool PrepareUpdate(ulong linear, Span<byte> into, SegmentRegister segment)
    {
        if (!Check(linear, into.Length, segment) || !Prepare(linear, into.Length, write: true, _view)) return false;
        ReadParts(into);
        return true;
    }

    public void CommitWrite(ReadOnlySpan<byte> from)
    {
        WritePart(in _first, from[.._first.Length]);
        if (_second.Length != 0) WritePart(in _second, from[_first.Length..]);
    }

    /// <summary>Writes if memory still holds what was read: atomic, but across two pages only between processors that do the same.</summary>
    public bool TryCommitWrite<T>(T was, T value) where T : unmanaged
    {
        if (_second.Length == 0 && _first is { Host: not null, ReadOnly: false })
        {
            if (!TryStore(_first.Host, was, value)) return false;
            TellWritten(in _first, sizeof(T));
            return true;
        }

        lock (_cpu.Accelerator.SplitLock)
        {
            bool memoryOnly = _first.Host != null && (_second.Length == 0 || _second.Host != null);
            if (memoryOnly)
            {
                T now;
                ReadParts(new Span<byte>(&now, sizeof(T)));
                if (!new ReadOnlySpan<byte>(&now, sizeof(T)).SequenceEqual(new ReadOnlySpan<byte>(&was, sizeof(T)))) return false;
            }

            CommitWrite(new ReadOnlySpan<byte>(&value, sizeof(T)));
            return true;
        }
    }

    /// <summary>Stores a value in the host's memory if it still holds another, at once.</summary>
    public static bool TryStore<T>(byte* at, T was, T value) where T : unmanaged => sizeof(T) switch
    {
        1 => Interlocked.CompareExchange(ref *at, Unsafe.BitCast<T, byte>(value), Unsafe.BitCast<T, byte>(was)) == Unsafe.BitCast<T, byte>(was),
        2 => Interlocked.CompareExchange(ref *(ushort*)at, Unsafe.BitCast<T, ushort>(value), Unsafe.BitCast<T, ushort>(was)) == Unsafe.BitCast<T, ushort>(was),
        4 => Interlocked.CompareExchange(ref *(uint*)at, Unsafe.BitCast<T, uint>(value), Unsafe.BitCast<T, uint>(was)) == Unsafe.BitCast<T, uint>(was),
        8 => Interlocked.CompareExchange(ref *(ulong*)at, Unsafe.BitCast<T, ulong>(value), Unsafe.BitCast<T, ulong>(was)) == Unsafe.BitCast<T, ulong>(was),
        _ => HostExchange.TryStore((UInt128*)at, Unsafe.BitCast<T, UInt128>(was), Unsafe.BitCast<T, UInt128>(value)),
    };

    /// <summary>Memory that the processor itself reads: descriptors, TSS, page-independent of the running code's rights.</summary>
    public bool ReadSystem<T>(ulong linear, out T value) where T : unmanaged
    {
        nint host = Tables.FindRead(TlbView.Supervisor, linear & ~PageMask);
        if (host != 0 && (linear & PageMask) <= PageMask + 1 - (ulong)sizeof(T) && !Breakpoints)
        {
            value = Unsafe.ReadUnaligned<T>((byte*)host + (linear & PageMask));
            return true;
        }

        T read;
        bool done = Read(linear, new Span<byte>(&read, sizeof(T)), TlbView.Supervisor);
        value = read;
        return done;
    }

    public bool WriteSystem<T>(ulong linear, T value) where T : unmanaged
    {
        if (!Prepare(linear, sizeof(T), write: true, TlbView.Supervisor)) return false;
        CommitWrite(new ReadOnlySpan<byte>(&value, sizeof(T)));
        return true;
    }

    /// <summary>Physical memory without paging: SMRAM's save area.</summary>
    public T ReadPhysical<T>(ulong address) where T : unmanaged
    {
        T value = default;
        ReadPart(PartAt(address, sizeof(T)), new Span<byte>(&value, sizeof(T)));
        return value;
    }

    public void WritePhysical<T>(ulong address, T value) where T : unmanaged =>
        WritePart(PartAt(address, sizeof(T)), new ReadOnlySpan<byte>(&value, sizeof(T)));

    // Code

    /// <summary>The host address of the code at a linear address, 0 when it is no RAM; false is a fault.</summary>
    public bool Fetch(ulong linear, out nint host)
    {
        ulong inside = linear & PageMask;
        host = Tables.FindCode(linear - inside);
        if (host != 0)
        {
            host += (nint)inside;
            return true;
        }

        if (_cpu.Code64 && !_cpu.IsCanonical(linear)) return _cpu.Refuse(ExceptionVector.GeneralProtection);
        if (!Translate(linear, new PageAccess(Write: false, Fetch: true, User: _cpu.Cpl == 3), out ulong physical)) return false;
        Part part = PartAt(physical, 1);
        if (part.Host == null) return true;
        host = (nint)part.Host;
        Tables.InsertCode(linear - inside, host - (nint)inside, _page.Global);
        return true;
    }

    /// <summary>Bytes of code that is not in RAM, one by one from the bus.</summary>
    public bool FetchBytes(ulong linear, Span<byte> into, out int count)
    {
        for (count = 0; count < into.Length; count++)
        {
            if (!Translate(linear + (ulong)count, new PageAccess(Write: false, Fetch: true, User: _cpu.Cpl == 3), out ulong physical)) return count != 0;
            ReadPart(PartAt(physical, 1), into.Slice(count, 1));
        }

        return true;
    }

    /// <summary>Code as the emulator itself looks at it: how many bytes there are in RAM. Nothing of the guest's changes, CR2 and accessed bits neither.</summary>
    public int Peek(ulong linear, Span<byte> into)
    {
        for (var count = 0; count < into.Length; count++)
        {
            if (!TryTranslate(linear + (ulong)count, out ulong physical)) return count;
            Part part = PartAt(physical, 1);
            if (part.Host == null) return count;
            into[count] = *part.Host;
        }

        return into.Length;
    }

    // Flushing

    /// <summary>CR0, CR4, EFER, A20, SMM or the map changed.</summary>
    public void Flush()
    {
        _entry = null;
        Array.Clear(_tablePages);
        Tables.Flush();
    }

    public void Dispose() => Tables.Dispose();

    /// <summary>Where the physical address that a debugger's walk or an access gives leads.</summary>
    public bool TryTranslate(ulong linear, out ulong physical)
    {
        var memory = new PageTables(this);
        return Paging.Translate(ref memory, Registers(), linear, new PageAccess(false, false, false, Probe: true), out physical, out _, out _);
    }

    private bool Check(ulong linear, int size, SegmentRegister segment)
    {
        if (_cpu.LongMode && !_cpu.IsCanonical(linear + (ulong)size - 1 | linear))
            return _cpu.Refuse(segment == SegmentRegister.Ss ? ExceptionVector.StackFault : ExceptionVector.GeneralProtection);
        if (_checksAlignment && size is (2 or 4 or 8) && (linear & (ulong)(size - 1)) != 0)
            return _cpu.Refuse(ExceptionVector.AlignmentCheck);
        return true;
    }

    private bool Read(ulong linear, Span<byte> into, TlbView view)
    {
        if (!Prepare(linear, into.Length, write: false, view)) return false;
        ReadParts(into);
        return true;
    }

    private void ReadParts(Span<byte> into)
    {
        Part second = _second; // reading the first may enter the machine, and come back here
        ReadPart(in _first, into[.._first.Length]);
        if (second.Length != 0) ReadPart(in second, into[^second.Length..]);
    }

    /// <summary>Finds the one or two pages of an access, and fills the TLB.</summary>
    private bool Prepare(ulong linear, int size, bool write, TlbView view)
    {
        if (Breakpoints)
        {
            _cpu.Breakpoints.OnAccess(linear, size, write);
            _cpu.Debugger.OnAccess(linear, size, write);
        }

        var first = (int)Math.Min((ulong)size, PageMask + 1 - (linear & PageMask));
        _second = default;
        if (!Find(linear, first, write, view, out _first)) return false;
        if (first == size) return true;
        ulong next = linear + (ulong)first;
        if (!_cpu.LongMode) next = (uint)next;
        return Find(next, size - first, write, view, out _second);
    }

    private bool Find(ulong linear, int length, bool write, TlbView view, out Part part)
    {
        ulong page = linear & ~PageMask;
        nint host = write ? Tables.FindWrite(view, page) : Tables.FindRead(view, page);
        if (host != 0)
        {
            part = new Part { Host = (byte*)host + (linear & PageMask), Length = length };
            return true;
        }

        part = default;
        if (write && FindGuarded(linear, length, view, out part)) return true;
        bool user = view == TlbView.User;
        if (!Translate(linear, new PageAccess(write, Fetch: false, user, view != TlbView.SupervisorOnly), out ulong physical)) return false;
        part = PartAt(physical, length);
        if (part.Host == null) return true;
        byte* start = part.Host - (linear & PageMask);
        if (!write) Tables.InsertRead(view, page, (nint)start, _page.Global);
        else if (part.Pages is { } pages)
        {
            pages.Block.MarkDirty(part.Offset, 1);
            ulong number = part.Offset >> RamBlock.PageBits;
            if (pages.HasCode(number))
            {
                Tables.InsertGuarded(view, page, (nint)start, (nint)Unsafe.AsPointer(ref pages.MarksOf(number)), _page.Global);
                return true;
            }

            Tables.InsertWrite(view, page, (nint)start, _page.Global, pages.HasHadCode(number));
            part.Pages = null; // a plain page
        }

        return true;
    }

    /// <summary>A page that has code, or had some a moment ago, and is written again.</summary>
    private bool FindGuarded(ulong linear, int length, TlbView view, out Part part)
    {
        part = default;
        nint host = Tables.FindGuarded(view, linear & ~PageMask);
        if (host == 0 || _cpu.Accelerator.FindPages(host) is not { } pages) return false;
        ulong offset = (ulong)(host - pages.Block.HostAddress) + (linear & PageMask);
        if (!pages.HasCode(offset >> RamBlock.PageBits) && ++_believed > Patience)
        {
            _believed = 0;
            return false;
        }

        part = new Part { Host = (byte*)host + (linear & PageMask), Length = length, Offset = offset, Pages = pages };
        return true;
    }

    private void FindTable(ulong address, ref TablePage page) => page = new TablePage { Address = address, Host = PartAt(address, sizeof(ulong)).Host };

    private bool Translate(ulong linear, in PageAccess access, out ulong physical)
    {
        var memory = new PageTables(this);
        if (Paging.Translate(ref memory, Registers(), linear, in access, out physical, out _page, out PageFaultCode code))
        {
            Tables.Expect(linear, in _page);
            return true;
        }

        _cpu.State.Cr2 = linear;
        return _cpu.Refuse(ExceptionVector.PageFault, (uint)code);
    }

    private PagingRegisters Registers()
    {
        ref CpuState state = ref _cpu.State;
        return new PagingRegisters(state.Cr0, state.Cr3, state.Cr4, state.Efer, PhysicalBits);
    }

    /// <summary>Who answers at a physical address; the part does not cross a page.</summary>
    private Part PartAt(ulong physical, int length)
    {
        if (!_cpu.State.A20) physical &= ~0x10_0000UL;
        FlatMap map = (_cpu.State.Smm ? _cpu.Accelerator.SmmMemory : _cpu.Accelerator.Memory).Map;
        MapEntry entry = map == _map && _entry is { } last && physical - last.Start < last.Length ? last : FindEntry(map, physical);
        var part = new Part { Physical = physical, Length = length };
        ulong inside = physical - entry.Start, page = physical & ~PageMask;
        bool whole = page >= entry.Start && page + PageMask - entry.Start < entry.Length;
        if (entry.Ram is null || !whole || page == _cpu.Bus.ApicPage) return part;
        part.Offset = entry.Offset + inside;
        part.Host = (byte*)entry.Ram.HostAddress + part.Offset;
        part.ReadOnly = entry.ReadOnly;
        part.Pages = _pages;
        return part;
    }

    private MapEntry FindEntry(FlatMap map, ulong physical)
    {
        MapEntry entry = map.Find(physical);
        (_map, _entry, _pages) = (map, entry, entry.Ram is { } block && !entry.ReadOnly ? _cpu.Accelerator.PagesOf(block) : null);
        return entry;
    }

    private void ReadPart(in Part part, Span<byte> into)
    {
        if (part.Host != null)
        {
            switch (into.Length)
            {
                case 1: into[0] = *part.Host; break;
                case 2: Unsafe.WriteUnaligned(ref into[0], Unsafe.ReadUnaligned<ushort>(part.Host)); break;
                case 4: Unsafe.WriteUnaligned(ref into[0], Unsafe.ReadUnaligned<uint>(part.Host)); break;
                case 8: Unsafe.WriteUnaligned(ref into[0], Unsafe.ReadUnaligned<ulong>(part.Host)); break;
                default: new ReadOnlySpan<byte>(part.Host, into.Length).CopyTo(into); break;
            }

            return;
        }

        ulong at = part.Physical;
        for (int size; into.Length > 0; into = into[size..], at += (ulong)size)
        {
            size = into.Length >= 8 ? 8 : into.Length >= 4 ? 4 : into.Length >= 2 ? 2 : 1;
            ulong value = _cpu.Outside.ReadMemory(at, size, _cpu.State.Smm);
            for (var i = 0; i < size; i++) into[i] = (byte)(value >> (i * 8));
        }
    }

    private void WritePart(in Part part, ReadOnlySpan<byte> from)
    {
        if (part.Host != null && !part.ReadOnly)
        {
            WriteHost(part.Host, from);
            TellWritten(in part, from.Length);
            return;
        }

        ulong at = part.Physical;
        for (int size; from.Length > 0; from = from[size..], at += (ulong)size)
        {
            size = from.Length >= 8 ? 8 : from.Length >= 4 ? 4 : from.Length >= 2 ? 2 : 1;
            ulong value = 0;
            for (var i = 0; i < size; i++) value |= (ulong)from[i] << (i * 8);
            _cpu.Outside.WriteMemory(at, size, value, _cpu.State.Smm);
        }
    }

    private void TellWritten(in Part part, int length)
    {
        if (part.Pages is not { } pages) return;
        pages.Block.MarkDirty(part.Offset, length);
        Interlocked.MemoryBarrier(); // against a processor that marks the page and then reads it
        if (!pages.IsMarked(part.Offset, length) || _cpu.Accelerator.TrySpare((nint)part.Host, length)) return;
        if (pages.Take(part.Offset, length)) _cpu.Accelerator.CodeWritten(pages, part.Offset, length, _cpu);
    }

    private static void WriteHost(byte* host, ReadOnlySpan<byte> from)
    {
        switch (from.Length)
        {
            case 1: *host = from[0]; break;
            case 2: Unsafe.WriteUnaligned(host, Unsafe.ReadUnaligned<ushort>(in from[0])); break;
            case 4: Unsafe.WriteUnaligned(host, Unsafe.ReadUnaligned<uint>(in from[0])); break;
            case 8: Unsafe.WriteUnaligned(host, Unsafe.ReadUnaligned<ulong>(in from[0])); break;
            default: from.CopyTo(new Span<byte>(host, from.Length)); break;
        }
    }

    /// <summary>The bytes of an access in one page.</summary>
    private struct Part
    {
        /// <summary>Null when a device answers, or nobody.</summary>
        public byte* Host;
        public ulong Physical, Offset;
        public int Length;
        public bool ReadOnly;

        /// <summary>Set when a write may have to drop code.</summary>
        public CodePages? Pages;
    }

    /// <summary>A page that the walk has read before: where it is on the host, as long as the map does not change.</summary>
    private struct TablePage
    {
        public const int Count = 32;

        public ulong Address;
        public byte* Host;
    }

    /// <summary>The page tables, as the walk reaches them.</summary>
    private readonly ref struct PageTables(Mmu mmu) : IPhysicalMemory
    {
        public ulong Read(ulong address, int size)
        {
            ref TablePage page = ref mmu._tablePages[address >> RamBlock.PageBits & (TablePage.Count - 1)];
            if (page.Host == null || page.Address != (address & ~PageMask)) mmu.FindTable(address & ~PageMask, ref page);
            byte* entry = page.Host + (address & PageMask);
            if (page.Host != null) return size == 8 ? *(ulong*)entry : *(uint*)entry;
            return size == 8 ? mmu.ReadPhysical<ulong>(address) : mmu.ReadPhysical<uint>(address);
        }

        public bool TrySet(ulong address, int size, ulong was, ulong value)
        {
            Part part = mmu.PartAt(address, size);
            if (part.Host == null || part.ReadOnly) return true; // tables in ROM: nothing to set
            bool done = size == 8 ? TryStore(part.Host, was, value) : TryStore(part.Host, (uint)was, (uint)value);
            if (done) part.Pages?.Block.MarkDirty(part.Offset, size);
            return done;
        }
    }
}

using Rhea.Core.Memory;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.Tlb;

/// <summary>All pages that a processor's accesses need not ask for: who may reach them, for what, and what makes them go.</summary>
internal sealed class TlbTables : IDisposable
{
    private const int Supervisors = TlbContext.Supervisors, Users = TlbContext.Users, Growth = 4, MostContexts = 8, MostLargePages = 1 << 12;

    private readonly Cpu _cpu;
    private readonly AccessSlots _slots;
    private readonly LocalSlots _localSlots;
    private readonly List<TlbContext> _contexts = [new TlbContext { Identifier = 0 }];
    private readonly HashSet<LargePage> _large = [], _largeGlobal = []; // of which there may be pieces in the tables
    private readonly HashSet<nint> _protected = []; // host pages that got code, and have been in no table for writing since
    private TlbContext _context; // the running one
    private long _switches;
    private ulong _generation = 1; // of supervisors in all contexts where they have only global code
    private ulong _lastGeneration = 1;
    private bool _crowdedOut; // a code page that a generation of supervisors has found is in the table no more
    private ulong _lowestGlobal = ulong.MaxValue; // page, of those that may be in the tables or in slots
    private int _entries = TlbEntry.Fewest; // of each table for data
    private TlbView _shown;

    /// <param name="cpu">Whose they are.</param>
    /// <param name="slots">What generated code knows of them.</param>
    /// <param name="localSlots">Those that a change of CR3 concerns.</param>
    public TlbTables(Cpu cpu, AccessSlots slots, LocalSlots localSlots)
    {
        (_cpu, _slots, _localSlots, _context) = (cpu, slots, localSlots, _contexts[0]);
        localSlots.Clear();
        _context.Generations[Users] = NextGeneration();
    }

    /// <summary>
    /// Changes when the running level's code pages are forgotten: code that was found by linear address before may no longer be there.
    /// As long as it does not, the page of all that was found is in the table, or it is known that some were crowded out.
    /// </summary>
    public ulong Generation => Level == Supervisors && !_context.HasOwnCode ? _generation : _context.Generations[Level];

    /// <summary>What the running code may use. Tables that grow move, and other contexts have others.</summary>
    public TlbSelection Selection => new(_context.Read[(int)_shown].Address, _context.Write[(int)_shown].Address, _entries,
        _context.Guarded[(int)_shown].Address, _context.Marks[(int)_shown].Address, _context.Fetch[Level].Address, _slots.SaltOf(_shown));

    private int Level => _cpu.Cpl == 3 ? Users : Supervisors;

    /// <summary>Chooses the entries that the running code may use.</summary>
    public void Show(TlbView view) => _shown = view;

    // Pages: the host address of one, 0 when it is not here

    public nint FindRead(TlbView view, ulong page) => _context.Read[(int)view].Find(page);

    public nint FindWrite(TlbView view, ulong page) => _context.Write[(int)view].Find(page);

    /// <summary>A page with code that may be written.</summary>
    public nint FindGuarded(TlbView view, ulong page) => _context.Guarded[(int)view].Find(page);

    /// <summary>A page of the running level's code.</summary>
    public nint FindCode(ulong page) => _context.Fetch[Level].Find(page);

    /// <summary>An address was translated, and its page is going to be in the tables.</summary>
    public void Expect(ulong linear, in PageKind page)
    {
        ulong inside = ulong.MaxValue >> (64 - page.Bits);
        if (page.Global) _lowestGlobal = Math.Min(_lowestGlobal, linear & ~inside);
        else _localSlots.Add(linear | inside);
        if (LargePage.Sizes.Contains(page.Bits)) (page.Global ? _largeGlobal : _large).Add(new LargePage(linear >> page.Bits, page.Bits));
    }

    public void InsertRead(TlbView view, ulong page, nint host, bool global)
    {
        if (_context.Read[(int)view].Insert(page, host, global) && _context.Read[(int)view].IsCrowded) Grow();
    }

    /// <param name="view">Who may write it.</param>
    /// <param name="page">Its linear address.</param>
    /// <param name="host">Its host address.</param>
    /// <param name="global">It stays when CR3 changes.</param>
    /// <param name="hadCode">It once had code.</param>
    public void InsertWrite(TlbView view, ulong page, nint host, bool global, bool hadCode)
    {
        if (hadCode) _protected.Remove(host);
        if (_context.Write[(int)view].Insert(page, host, global) && _context.Write[(int)view].IsCrowded) Grow();
    }

    /// <summary>A page with code that may be written, and where its marks are.</summary>
    public void InsertGuarded(TlbView view, ulong page, nint host, nint marks, bool global)
    {
        _context.Guarded[(int)view].Insert(page, host, global);
        _context.Marks[(int)view].Insert(page, marks, global);
    }

    /// <summary>A page of the running level's code. It may change <see cref="Generation"/>.</summary>
    public void InsertCode(ulong page, nint host, bool global)
    {
        bool crowdedOut = _context.Fetch[Level].Insert(page, host, global);
        if (Level == Users)
        {
            _context.CrowdedOut |= crowdedOut;
            return;
        }

        _crowdedOut |= crowdedOut;
        if (global || _context.HasOwnCode) return;
        _context.HasOwnCode = true;
        _context.Generations[Supervisors] = NextGeneration();
        _cpu.Head.Generation = (uint)Generation;
    }

    private void Grow()
    {
        if (_entries == TlbEntry.Most) return;
        _entries *= Growth;
        foreach (TlbContext context in _contexts) context.Grow(_entries);
        _cpu.UseTables();
    }

    // What makes them go

    /// <summary>All pages of all contexts.</summary>
    public void Flush()
    {
        foreach (TlbContext context in _contexts)
        {
            context.Flush();
            Forgotten(context);
            context.Identifier = context == _context ? _cpu.Context : TlbContext.Nobody;
        }

        _large.Clear();
        _largeGlobal.Clear();
        _lowestGlobal = ulong.MaxValue;
        (_generation, _crowdedOut) = (NextGeneration(), false);
        _cpu.Head.Generation = (uint)Generation;
        ForgetSlots();
    }

    /// <summary>All but global pages go (Intel SDM vol. 3, 5.10.4.1).</summary>
    public void FlushLocal()
    {
        foreach (TlbContext context in _contexts) FlushLocal(context);
        _large.Clear();
    }

    /// <summary>All but global pages of a context go.</summary>
    public void FlushContext(int identifier)
    {
        if (_contexts.Find(context => context.Identifier == identifier) is { } found) FlushLocal(found);
    }

    /// <summary>CR3 is loaded: global pages stay, and if it says so those of the context that it names (Intel SDM vol. 3, 5.10.4.1).</summary>
    /// <param name="identifier">Its process-context identifier; 0 without.</param>
    /// <param name="keeps">The context's pages stay.</param>
    public void EnterContext(int identifier, bool keeps)
    {
        if (identifier != _context.Identifier) Switch(ContextOf(identifier));
        if (!keeps) FlushLocal(_context);
        if (_contexts.Count == 1 && !keeps) _large.Clear();
        else if (_large.Count > MostLargePages) Flush();
    }

    /// <summary>INVLPG: forgets the page, all of it if it is a large one (Intel SDM vol. 3, 5.10.4.1).</summary>
    public void FlushPage(ulong linear)
    {
        FlushPages(linear, RamBlock.PageBits);
        bool all = linear >= _lowestGlobal;
        foreach (int bits in LargePage.Sizes)
        {
            var page = new LargePage(linear >> bits, bits);
            if (!_large.Remove(page) & !_largeGlobal.Remove(page)) continue;
            FlushPages(linear, bits);
            all = true;
        }

        if (all) ForgetSlots();
        else ForgetLocalSlots();
    }

    /// <summary>A page of host memory got code: from now on its writes come to the MMU.</summary>
    public void ProtectPage(nint host)
    {
        if (!_protected.Add(host)) return;
        foreach (TlbContext context in _contexts)
            foreach (TlbTable table in context.Write) table.FlushHost(host);
        ForgetSlots();
    }

    /// <summary>Tells a RAM block which of its pages may have been written, and asks anew for each.</summary>
    public void CollectDirty(RamBlock block)
    {
        foreach (TlbContext context in _contexts)
            foreach (TlbTable table in (TlbTable[])[.. context.Write, .. context.Guarded])
                table.Take(block.HostAddress, block.Length, host => block.MarkDirty((ulong)(host - block.HostAddress), RamBlock.PageSize));
        ForgetSlots();
    }

    public void Dispose()
    {
        foreach (TlbContext context in _contexts) context.Dispose();
    }

    private TlbContext ContextOf(int identifier)
    {
        if (_contexts.Find(context => context.Identifier == identifier) is { } found) return found;
        TlbContext? next = _contexts.Find(context => context.Identifier == TlbContext.Nobody);
        if (next is null && _contexts.Count < MostContexts)
        {
            _contexts.Add(next = new TlbContext());
            if (_entries != TlbEntry.Fewest) next.Grow(_entries);
        }

        next ??= _contexts.MinBy(context => context == _context ? long.MaxValue : context.LastSwitch)!;
        FlushLocal(next);
        next.Identifier = identifier;
        return next;
    }

    private void Switch(TlbContext next)
    {
        ForgetLocalSlots();
        _context.LastLocal = _localSlots.Last;
        _context = next;
        _localSlots.Last = next.LastLocal;
        next.LastSwitch = ++_switches;
        _cpu.Head.Generation = (uint)Generation;
        _cpu.UseTables();
    }

    private void FlushLocal(TlbContext context)
    {
        bool usersHadCode = context.FlushLocal();
        Forgotten(context, usersHadCode || context.CrowdedOut);
        if (_crowdedOut) (_generation, _crowdedOut) = (NextGeneration(), false);
        if (context != _context) return;
        _cpu.Head.Generation = (uint)Generation;
        ForgetLocalSlots();
    }

    /// <summary>A context has no pages left but global ones.</summary>
    private void Forgotten(TlbContext context, bool usersHadCode = true)
    {
        if (usersHadCode) context.Generations[Users] = NextGeneration();
        (context.HasOwnCode, context.CrowdedOut, context.LastLocal) = (false, false, 0);
        if (context == _context) _localSlots.Last = 0;
    }

    private void FlushPages(ulong linear, int bits)
    {
        bool supervisorsHadCode = _crowdedOut;
        foreach (TlbContext context in _contexts)
        {
            (bool supervisors, bool users) = context.FlushPages(linear, bits);
            supervisorsHadCode |= supervisors;
            if (users || context.CrowdedOut) (context.Generations[Users], context.CrowdedOut) = (NextGeneration(), false);
        }

        if (supervisorsHadCode)
        {
            (_generation, _crowdedOut) = (NextGeneration(), false);
            foreach (TlbContext context in _contexts) context.Generations[Supervisors] = NextGeneration();
        }

        _cpu.Head.Generation = (uint)Generation;
    }

    private void ForgetLocalSlots()
    {
        if (!_localSlots.Forget()) ForgetSlots();
    }

    private void ForgetSlots()
    {
        _localSlots.Clear();
        _slots.Forget();
        _cpu.Head.Salt = _slots.SaltOf(_shown);
    }

    /// <summary>No two are the same, of whatever context; a jump's key of 0 is nobody's.</summary>
    private ulong NextGeneration()
    {
        if ((uint)++_lastGeneration == 0) _lastGeneration++;
        return _lastGeneration;
    }

    /// <summary>A page of 2 or 4 MiB or 1 GiB, whose pieces are in the tables one by one.</summary>
    private readonly record struct LargePage(ulong Number, int Bits)
    {
        public static ReadOnlySpan<int> Sizes => [21, 22, 30];
    }
}

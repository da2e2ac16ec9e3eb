using Rhea.Core.Memory;
using Rhea.SoftCpu.Interpreter;
using Rhea.X86;

namespace Rhea.SoftCpu.Tlb;

/// <summary>All pages that a processor's accesses need not ask for: who may reach them, for what, and what makes them go.</summary>
internal sealed class TlbTables : IDisposable
{
    private const int Supervisors = 0, Users = 1, Growth = 4, MostSpaces = 8, MostLargePages = 1 << 12;

    private readonly Cpu _cpu;
    private readonly AccessSlots _slots;
    private readonly LocalSlots _localSlots;
    private readonly TlbTable[] _read = [new(), new(), null!, new()], _write = [new(), new(), null!, new()]; // by TlbView
    private readonly TlbTable[] _guarded = [new(), new(), null!, new()]; // pages with code that may be written, by TlbView
    private readonly TlbTable[] _marks = [new(), new(), null!, new()]; // for the same pages, where it is marked which bytes are code: see CodePages
    private readonly TlbTable[] _fetch = [new(), null!]; // supervisors', users'
    private readonly ulong[] _generations = [1, 1]; // of both
    private readonly bool[] _crowdedOut = [false, false]; // a code page that this generation has found is in the table no more
    private readonly List<UserSpace> _spaces = [new UserSpace { Context = 0 }];
    private readonly HashSet<LargePage> _large = [], _largeGlobal = []; // of which there may be pieces in the tables
    private readonly HashSet<nint> _protected = []; // host pages that got code, and have been in no table for writing since
    private UserSpace _space; // whose tables are the users' above
    private long _switches;
    private ulong _lastGeneration = 1; // of users
    private ulong _lowestGlobal = ulong.MaxValue; // page, of those that may be in the tables or in slots
    private int _entries = TlbEntry.Fewest; // of each table for data
    private TlbView _shown;

    /// <param name="cpu">Whose they are.</param>
    /// <param name="slots">What generated code knows of them.</param>
    /// <param name="localSlots">Those that a change of CR3 concerns.</param>
    public TlbTables(Cpu cpu, AccessSlots slots, LocalSlots localSlots)
    {
        (_cpu, _slots, _localSlots) = (cpu, slots, localSlots);
        localSlots.Clear();
        Take(_space = _spaces[0]);
    }

    /// <summary>
    /// Changes when the running level's code pages are forgotten: code that was found by linear address before may no longer be there.
    /// As long as it does not, the page of all that was found is in the table, or it is known that some were crowded out.
    /// </summary>
    public ulong Generation => _generations[Level];

    /// <summary>The entries for code at the running level.</summary>
    public nint FetchTable => _fetch[Level].Address;

    /// <summary>What the running code may use. Tables that grow move.</summary>
    public TlbSelection Selection =>
        new(_read[(int)_shown].Address, _write[(int)_shown].Address, _entries, _guarded[(int)_shown].Address, _marks[(int)_shown].Address, _slots.SaltOf(_shown));

    private int Level => _cpu.Cpl == 3 ? Users : Supervisors;

    private IEnumerable<UserSpace> OtherSpaces => _spaces.Where(space => space != _space);

    /// <summary>Chooses the entries that the running code may use.</summary>
    public void Show(TlbView view) => _shown = view;

    // Pages: the host address of one, 0 when it is not here

    public nint FindRead(TlbView view, ulong page) => _read[(int)view].Find(page);

    public nint FindWrite(TlbView view, ulong page) => _write[(int)view].Find(page);

    /// <summary>A page with code that may be written.</summary>
    public nint FindGuarded(TlbView view, ulong page) => _guarded[(int)view].Find(page);

    /// <summary>A page of the running level's code.</summary>
    public nint FindCode(ulong page) => _fetch[Level].Find(page);

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
        if (_read[(int)view].Insert(page, host, global) && _read[(int)view].IsCrowded) Grow();
    }

    /// <param name="view">Who may write it.</param>
    /// <param name="page">Its linear address.</param>
    /// <param name="host">Its host address.</param>
    /// <param name="global">It stays when CR3 changes.</param>
    /// <param name="hadCode">It once had code.</param>
    public void InsertWrite(TlbView view, ulong page, nint host, bool global, bool hadCode)
    {
        if (hadCode) _protected.Remove(host);
        if (_write[(int)view].Insert(page, host, global) && _write[(int)view].IsCrowded) Grow();
    }

    /// <summary>A page with code that may be written, and where its marks are.</summary>
    public void InsertGuarded(TlbView view, ulong page, nint host, nint marks, bool global)
    {
        _guarded[(int)view].Insert(page, host, global);
        _marks[(int)view].Insert(page, marks, global);
    }

    public void InsertCode(ulong page, nint host, bool global) => _crowdedOut[Level] |= _fetch[Level].Insert(page, host, global);

    private void Grow()
    {
        if (_entries == TlbEntry.Most) return;
        _entries *= Growth;
        foreach (TlbTable table in (TlbTable[])[.. _read, .. _write]) table.Grow(_entries);
        foreach (UserSpace space in OtherSpaces) space.Grow(_entries);
        _cpu.UseTables();
    }

    // What makes them go

    public void Flush()
    {
        foreach (TlbTable table in (TlbTable[])[.. _read, .. _write, .. _guarded, .. _marks, .. _fetch]) table.Flush();
        foreach (UserSpace space in _spaces)
        {
            if (space != _space) FlushOther(space);
            space.Context = space == _space ? _cpu.Context : UserSpace.Nobody;
        }

        _large.Clear();
        _largeGlobal.Clear();
        _lowestGlobal = ulong.MaxValue;
        for (int level = Supervisors; level <= Users; level++) NextGeneration(level);
        ForgetSlots();
        _localSlots.Last = 0;
    }

    /// <summary>All but global pages go (Intel SDM vol. 3, 5.10.4.1).</summary>
    public void FlushLocal()
    {
        foreach (UserSpace space in _spaces)
            if (space != _space) FlushOther(space);
        FlushContext();
        _large.Clear();
    }

    /// <summary>All but global pages of a context go.</summary>
    public void FlushContext(int context)
    {
        if (context == _space.Context) FlushContext();
        else if (_spaces.Find(space => space.Context == context) is { } other) FlushOther(other);
    }

    /// <summary>CR3 is loaded: global pages stay, and if it says so those of the context that it names (Intel SDM vol. 3, 5.10.4.1).</summary>
    /// <param name="context">Its process-context identifier; 0 without.</param>
    /// <param name="keeps">The context's pages stay.</param>
    public void EnterContext(int context, bool keeps)
    {
        if (context == _space.Context)
        {
            if (!keeps) FlushContext();
        }
        else
        {
            FlushSupervisor();
            ForgetLocalSlots();
            Switch(SpaceOf(context));
            if (!keeps) FlushContext();
        }

        if (_spaces.Count == 1 && !keeps) _large.Clear();
        else if (_large.Count > MostLargePages) Flush();
    }

    private UserSpace SpaceOf(int context)
    {
        if (_spaces.Find(space => space.Context == context) is { } found) return found;
        UserSpace? next = _spaces.Find(space => space.Context == UserSpace.Nobody);
        if (next is null && _spaces.Count < MostSpaces)
        {
            _spaces.Add(next = new UserSpace { Generation = ++_lastGeneration });
            if (_entries != TlbEntry.Fewest) next.Grow(_entries);
        }

        next ??= _spaces.MinBy(space => space == _space ? long.MaxValue : space.LastSwitch)!;
        if (next != _space) FlushOther(next);
        next.Context = context;
        return next;
    }

    /// <summary>From now on another context's user pages are those in the tables.</summary>
    private void Switch(UserSpace next)
    {
        if (next == _space) return;
        (_space.Generation, _space.CrowdedOut, _space.LastLocal) = (_generations[Users], _crowdedOut[Users], _localSlots.Last);
        Take(next);
        (_generations[Users], _crowdedOut[Users], _localSlots.Last) = (next.Generation, next.CrowdedOut, next.LastLocal);
        next.LastSwitch = ++_switches;
        _cpu.Head.Generation = (uint)Generation;
        _cpu.UseTables();
    }

    private void Take(UserSpace space)
    {
        const int user = (int)TlbView.User;
        (_space, _read[user], _write[user], _guarded[user], _marks[user], _fetch[Users]) = (space, space.Read, space.Write, space.Guarded, space.Marks, space.Fetch);
    }

    /// <summary>A context that is not the running one loses all its pages.</summary>
    private void FlushOther(UserSpace space)
    {
        space.Flush();
        (space.Generation, space.CrowdedOut) = (++_lastGeneration, false);
    }

    private void FlushContext()
    {
        const int user = (int)TlbView.User;
        foreach (TlbTable table in (ReadOnlySpan<TlbTable>)[_read[user], _write[user], _guarded[user], _marks[user]]) table.FlushLocal();
        if (_fetch[Users].FlushLocal() || _crowdedOut[Users]) NextGeneration(Users);
        FlushSupervisor();
        ForgetLocalSlots();
        _localSlots.Last = 0;
    }

    /// <summary>What supervisors know of pages that are not global: all contexts have that in the same tables, so it does not stay.</summary>
    private void FlushSupervisor()
    {
        foreach (TlbView view in (ReadOnlySpan<TlbView>)[TlbView.Supervisor, TlbView.SupervisorOnly, TlbView.Checked])
            foreach (TlbTable table in (ReadOnlySpan<TlbTable>)[_read[(int)view], _write[(int)view], _guarded[(int)view], _marks[(int)view]]) table.FlushLocal();
        if (_fetch[Supervisors].FlushLocal() || _crowdedOut[Supervisors]) NextGeneration(Supervisors);
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

    private void FlushPages(ulong linear, int bits)
    {
        foreach (TlbTable table in _read) table.FlushPages(linear, bits);
        foreach (TlbTable table in _write) table.FlushPages(linear, bits);
        foreach (TlbTable table in _guarded) table.FlushPages(linear, bits);
        foreach (TlbTable table in _marks) table.FlushPages(linear, bits);
        for (int level = Supervisors; level <= Users; level++)
            if (_fetch[level].FlushPages(linear, bits) || _crowdedOut[level]) NextGeneration(level);
        foreach (UserSpace space in _spaces)
            if (space != _space && (space.FlushPages(linear, bits) || space.CrowdedOut)) (space.Generation, space.CrowdedOut) = (++_lastGeneration, false);
    }

    /// <summary>A page of host memory got code: from now on its writes come here.</summary>
    public void ProtectPage(nint host)
    {
        if (!_protected.Add(host)) return;
        foreach (TlbTable table in _write) table.FlushHost(host);
        foreach (UserSpace space in _spaces)
            if (space != _space) space.Write.FlushHost(host);
        ForgetSlots();
    }

    /// <summary>Tells a RAM block which of its pages may have been written, and asks anew for each.</summary>
    public void CollectDirty(RamBlock block)
    {
        foreach (TlbTable table in (TlbTable[])[.. _write, .. _guarded, .. OtherSpaces.SelectMany(space => (TlbTable[])[space.Write, space.Guarded])])
            table.Take(block.HostAddress, block.Length, host => block.MarkDirty((ulong)(host - block.HostAddress), RamBlock.PageSize));
        ForgetSlots();
    }

    public void Dispose()
    {
        foreach (TlbTable table in (TlbTable[])[.. _read, .. _write, .. _guarded, .. _marks, .. _fetch]) table.Dispose();
        foreach (UserSpace space in OtherSpaces) space.Dispose();
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

    private void NextGeneration(int level)
    {
        if (level == Users) _generations[level] = ++_lastGeneration;
        else if ((uint)++_generations[level] == 0) _generations[level]++; // a jump's key of 0 is nobody's
        _crowdedOut[level] = false;
        _cpu.Head.Generation = (uint)Generation;
    }

    /// <summary>A page of 2 or 4 MiB or 1 GiB, whose pieces are in the tables one by one.</summary>
    private readonly record struct LargePage(ulong Number, int Bits)
    {
        public static ReadOnlySpan<int> Sizes => [21, 22, 30];
    }
}

using Rhea.Core.Cpu;
using static Rhea.Hypervisors.ApicPage;
using static Rhea.Hypervisors.Record;

namespace Rhea.Hypervisors.Xen;

/// <summary>Between Xen's two records of a local APIC, hidden registers and the page, and its canonical registers.</summary>
/// <remarks>Xen, public/arch-x86/hvm/save.h.</remarks>
internal static class XenLocalApic
{
    public const int Length = 24, PageLength = 1024;

    private const int BaseMsr = 0, Disabled = 8, Divisor = 12, Lint0 = 3;
    private const uint SoftwareEnabled = 0x100, HardwareEnabled = 0x800, DisabledByHardware = 1, DisabledBySoftware = 2, ExtInt = 0x700;

    /// <param name="from">The hidden registers.</param>
    /// <param name="page">The registers of the page.</param>
    /// <param name="now">Guest time in nanoseconds, in which the canonical timer counts. Xen saves the count that it began with alone.</param>
    /// <param name="to">The canonical registers.</param>
    public static void Fetch(ReadOnlySpan<byte> from, ReadOnlySpan<byte> page, long now, LocalApicRegisters to)
    {
        to.Base = Word(from, BaseMsr);
        ApicPage.Fetch(page, to);
        if ((to.SpuriousVector & SoftwareEnabled) == 0 && to.LocalVectors[Lint0] == ExtInt) to.LocalVectors[Lint0] = Masked;
        uint current = Word(page, CurrentCount);
        FetchTimer(current == 0 ? to.InitialCount : Math.Min(current, to.InitialCount), now, to);
    }

    /// <param name="from">The canonical registers.</param>
    /// <param name="now">Guest time in nanoseconds.</param>
    /// <param name="to">The hidden registers.</param>
    /// <param name="page">The registers of the page.</param>
    /// <remarks>
    /// Xen starts the timer with its initial count. One that counts down once is given what is left of it instead; one that repeats
    /// begins its period anew.
    /// An APIC that software has not enabled lets the 8259's interrupts through, whatever its LINT0 says, since that is how a PC starts;
    /// Xen's does so only when LINT0 is open for them.
    /// </remarks>
    public static void Store(LocalApicRegisters from, long now, Span<byte> to, Span<byte> page)
    {
        bool enabled = (from.SpuriousVector & SoftwareEnabled) != 0;
        to.Clear();
        Put(to, BaseMsr, from.Base);
        Put(to, Disabled, (enabled ? 0 : DisabledBySoftware) | ((from.Base & HardwareEnabled) != 0 ? 0 : DisabledByHardware));
        Put(to, Divisor, 1u << from.CountShift);

        ApicPage.Store(from, page);
        if ((from.LocalVectors[0] & TimerMode) == 0) Put(page, InitialCount, Left(from, now));
        if (!enabled && (from.LocalVectors[Lint0] & Masked) != 0) Put(page, LocalVectors + (Lint0 * 16), ExtInt);
    }
}

using System.Runtime.CompilerServices;

namespace Rhea.X86;

/// <summary>How page tables are read and their accessed and dirty bits set.</summary>
public interface IPhysicalMemory
{
    /// <summary>An entry of 4 or 8 bytes.</summary>
    ulong Read(ulong address, int size);

    /// <summary>Sets bits of an entry, unless it changed since it was read: then false, and the walk starts over.</summary>
    bool TrySet(ulong address, int size, ulong was, ulong value);
}

/// <summary>The registers that decide how a linear address is translated.</summary>
/// <param name="Cr0">Paging and write protection.</param>
/// <param name="Cr3">The root.</param>
/// <param name="Cr4">The number of levels, with EFER, and what supervisors may not do.</param>
/// <param name="Efer">Long mode and no-execute.</param>
/// <param name="PhysicalBits">Width of a physical address; higher bits in an entry are reserved.</param>
public readonly record struct PagingRegisters(ulong Cr0, ulong Cr3, ulong Cr4, ulong Efer, int PhysicalBits);

/// <summary>What a walk asks for.</summary>
/// <param name="Write">A store.</param>
/// <param name="Fetch">An instruction fetch.</param>
/// <param name="User">At CPL 3, and not by the processor itself.</param>
/// <param name="UserPagesAllowed">A supervisor may touch user pages: no SMAP, or AC is set.</param>
/// <param name="Probe">A debugger looks: no permission is checked and no bit set.</param>
public readonly record struct PageAccess(bool Write, bool Fetch, bool User, bool UserPagesAllowed = true, bool Probe = false);

/// <summary>What a linear address is translated together with.</summary>
/// <param name="Bits">So many low bits of it are the physical address's: 12 in a small page, 21, 22 or 30 in a large one, 64 without paging.</param>
/// <param name="Global">The translation stays when CR3 changes.</param>
public readonly record struct PageKind(int Bits, bool Global);

/// <summary>From linear to physical: the page tables of 32-bit, PAE, 4-level and 5-level paging (Intel SDM vol. 3, chapter 5).</summary>
public static class Paging
{
    private const ulong Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, LargePage = 0x80, Global = 0x100, NoExecute = 1UL << 63;
    private const int WholeSpace = 64;

    /// <summary>True with the physical address, and the page that it is in; false with the page fault's error code.</summary>
    public static bool Translate<TMemory>(
        ref TMemory memory, in PagingRegisters registers, ulong linear, in PageAccess access, out ulong physical, out PageKind page, out PageFaultCode fault)
        where TMemory : struct, IPhysicalMemory, allows ref struct
    {
        fault = 0;
        physical = linear;
        page = new PageKind(WholeSpace, Global: false);
        if ((registers.Cr0 & Cr0.Paging) == 0) return true;
        while (true)
        {
            bool done = Walk(ref memory, in registers, linear, in access, out physical, out page, out fault, out bool retry);
            if (!retry) return done;
        }
    }

    private static bool Walk<TMemory>(
        ref TMemory memory, in PagingRegisters registers, ulong linear, in PageAccess access, out ulong physical, out PageKind page, out PageFaultCode fault, out bool retry)
        where TMemory : struct, IPhysicalMemory, allows ref struct
    {
        retry = false;
        physical = 0;
        page = default;
        bool longMode = (registers.Efer & Efer.LongModeActive) != 0, pae = longMode || (registers.Cr4 & Cr4.PhysicalAddress) != 0;
        bool noExecute = pae && (registers.Efer & Efer.NoExecute) != 0;
        int size = pae ? 8 : 4, bits = pae ? 9 : 10, shift = longMode ? (registers.Cr4 & Cr4.FiveLevelPaging) != 0 ? 48 : 39 : pae ? 30 : 22;
        ulong reserved = pae ? ~(ulong.MaxValue << 52) & ulong.MaxValue << registers.PhysicalBits : 0;
        ulong addresses = pae ? ~(ulong.MaxValue << registers.PhysicalBits) & ~0xFFFUL : 0xFFFF_F000;
        if (!noExecute && pae) reserved |= NoExecute;
        ulong table = longMode ? registers.Cr3 & addresses : pae ? registers.Cr3 & 0xFFFF_FFE0 : registers.Cr3 & 0xFFFF_F000;
        ulong rights = Writable | User;
        var executable = true;
        fault = Code(in access, registers);
        while (true)
        {
            ulong at = table + (linear >> shift & ((1UL << bits) - 1)) * (ulong)size;
            bool pointerEntry = pae && !longMode && shift == 30; // the four PDPTEs: no rights, only reserved bits
            if (pointerEntry) at = table + (linear >> 30 & 3) * 8;
            ulong entry = memory.Read(at, size);
            if ((entry & Present) == 0) return false;
            bool leaf = shift == 12 || (!pointerEntry && (entry & LargePage) != 0 && shift < 39 && (pae || (registers.Cr4 & Cr4.PageSize) != 0));
            ulong bad = reserved;
            if (pointerEntry) bad |= 0x1E6 | NoExecute;
            else if (shift >= 39) bad |= LargePage;
            else if (leaf && shift > 12) bad |= pae ? ((1UL << shift) - 1) & ~0x1FFFUL : 1UL << 21;
            if ((entry & bad) != 0)
            {
                fault |= PageFaultCode.Protection | PageFaultCode.ReservedBit;
                return false;
            }

            if (!pointerEntry)
            {
                rights &= entry;
                executable &= (entry & NoExecute) == 0 || !pae;
            }

            if (!leaf)
            {
                if (!access.Probe && !pointerEntry && (entry & Accessed) == 0 && !memory.TrySet(at, size, entry, entry | Accessed)) return Again(out retry);
                table = entry & addresses;
                shift -= bits;
                continue;
            }

            if (!access.Probe && !Permitted(registers, in access, rights, executable))
            {
                fault |= PageFaultCode.Protection;
                return false;
            }

            ulong set = entry | Accessed | (access.Write ? Dirty : 0);
            if (!access.Probe && set != entry && !memory.TrySet(at, size, entry, set)) return Again(out retry);
            ulong inside = (1UL << shift) - 1;
            ulong frame = !pae && shift == 22 ? (entry & 0xFFC0_0000) | (entry >> 13 & 0xFF) << 32 : entry & addresses & ~inside;
            physical = frame | (linear & inside);
            page = new PageKind(shift, (entry & Global) != 0 && (registers.Cr4 & Cr4.PageGlobal) != 0);
            return true;
        }
    }

    private static bool Again(out bool retry)
    {
        retry = true;
        return false;
    }

    /// <summary>Rights by page, WP, SMEP and SMAP (Intel SDM vol. 3, 5.6.1).</summary>
    private static bool Permitted(in PagingRegisters registers, in PageAccess access, ulong rights, bool executable)
    {
        bool userPage = (rights & User) != 0;
        if (access.User && !userPage) return false;
        if (access.Fetch) return executable && (access.User || !userPage || (registers.Cr4 & Cr4.SupervisorExecution) == 0);
        if (!access.User && userPage && !access.UserPagesAllowed) return false;
        return !access.Write || (rights & Writable) != 0 || (!access.User && (registers.Cr0 & Cr0.WriteProtect) == 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PageFaultCode Code(in PageAccess access, in PagingRegisters registers)
    {
        PageFaultCode code = (access.Write ? PageFaultCode.Write : 0) | (access.User ? PageFaultCode.User : 0);
        bool tellsFetches = (registers.Efer & Efer.NoExecute) != 0 || (registers.Cr4 & Cr4.SupervisorExecution) != 0;
        return access.Fetch && tellsFetches ? code | PageFaultCode.Fetch : code;
    }
}

using Rhea.Core.Machines;
using Rhea.Core.Memory;

namespace Rhea.Control.Monitor;

/// <summary>Guest memory as somebody outside looks at it: monitors and debuggers.</summary>
internal static class GuestView
{
    private const int PageSize = 4096;

    /// <summary>RAM at once; where there are registers, as a processor would read them: the VGA's window shows the screen.</summary>
    public static void Read(Machine machine, ulong physical, Span<byte> into)
    {
        using MachineLoop.Held held = machine.Loop.Enter();
        if (new GuestMemory(machine.Memory).Read(physical, into)) return;
        for (var i = 0; i < into.Length; i++) into[i] = (byte)machine.Memory.Read(physical + (ulong)i, 1);
    }

    /// <summary>Where the pieces of a range of linear memory are, up to the first page that is not there.</summary>
    public static IEnumerable<(ulong Physical, int At, int Length)> Pages(Processor processor, ulong linear, int length)
    {
        for (int at = 0, piece; at < length; at += piece, linear += (ulong)piece)
        {
            piece = Math.Min(length - at, PageSize - (int)(linear & (PageSize - 1)));
            if (!processor.Vcpu.TryTranslate(linear, out ulong physical)) yield break;
            yield return (physical, at, piece);
        }
    }
}

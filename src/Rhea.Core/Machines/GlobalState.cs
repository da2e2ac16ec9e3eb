using System.Text;
using Rhea.Core.State;

namespace Rhea.Core.Machines;

/// <summary>What the machine as a whole was doing when it was saved: QEMU's section "globalstate".</summary>
/// <param name="now">What it does at the moment.</param>
public sealed class GlobalState(Func<RunState> now) : IState
{
    private const int Length = 100;

    public static StructType Section { get; } = new("globalstate", 1);

    /// <summary>As the loaded stream says it, in QMP's words; null before a load.</summary>
    public string? Loaded { get; private set; }

    public void Visit(StateVisitor state)
    {
        Span<byte> text = stackalloc byte[Length];
        text.Clear();
        int length = Encoding.ASCII.GetBytes(now().Word(), text);
        var size = (uint)length + 1; // with its zero
        state.UInt32("size", ref size);
        state.Demand(size <= Length, $"size was {size}");
        state.Buffer("runstate", text);
        if (!state.Loading) return;
        int end = text.IndexOf((byte)0);
        Loaded = Encoding.ASCII.GetString(text[..(end < 0 ? Length : end)]);
    }
}

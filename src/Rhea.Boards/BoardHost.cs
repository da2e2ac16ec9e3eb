using Rhea.Core.Cpu;
using Rhea.Core.Diagnostics;
using Rhea.Core.Machines;
using Rhea.Core.Memory;
using Rhea.Core.Time;

namespace Rhea.Boards;

/// <summary>What a board needs of the outside.</summary>
/// <param name="Accelerator">Runs the processors.</param>
/// <param name="Clock">The time and sleep of the loop.</param>
/// <param name="Ram">Guest RAM, where the accelerator has none of its own.</param>
/// <param name="Log">Where every part's log goes.</param>
/// <param name="AddBackends">Opens the user's chardevs and drives, before the first device asks for one.</param>
public sealed record BoardHost(
    IAccelerator Accelerator, IHostClock Clock, IRamProvider Ram, Action<LogLevel, string> Log, Action<MachineParts> AddBackends);

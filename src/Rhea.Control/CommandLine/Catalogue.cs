using Rhea.Core.Machines;

namespace Rhea.Control.CommandLines;

/// <summary>What this build has to choose from: names are checked against it, and <c>help</c> lists it.</summary>
/// <param name="Machines">For <c>-machine</c>: the first is the default.</param>
/// <param name="Processors">For <c>-cpu</c>.</param>
/// <param name="Devices">For <c>-device</c>.</param>
public sealed record Catalogue(IReadOnlyList<Choice> Machines, IReadOnlyList<Choice> Processors, IReadOnlyList<DeviceType> Devices);

/// <summary>A name the user may give, and one line about it.</summary>
/// <param name="Name">"pc-i440fx-7.2", "qemu64".</param>
/// <param name="Summary">One line.</param>
/// <param name="Alias">A second, shorter name: "pc".</param>
public sealed record Choice(string Name, string Summary, string? Alias = null);

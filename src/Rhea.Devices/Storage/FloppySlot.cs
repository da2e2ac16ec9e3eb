using Rhea.Core.Machines;

namespace Rhea.Devices.Storage;

/// <summary>A place on a floppy controller's cable. Which of the two it is, the drive asks for with <c>unit=</c>.</summary>
public sealed class FloppySlot(SlotServices services, I82078 controller) : Slot(services)
{
    public const string BusName = "floppy-bus.0";

    public override string Bus => BusName;

    public override string BusType => "floppy-bus";

    internal I82078 Controller => controller;

    /// <summary>Takes a place; -1 is the first one free.</summary>
    /// <exception cref="Core.ConfigException">It is taken, or there is none.</exception>
    internal int Plug(FloppyDrive drive, int unit)
    {
        int place = controller.Plug(drive, unit);
        OnRelease(() => controller.Unplug(place));
        return place;
    }
}

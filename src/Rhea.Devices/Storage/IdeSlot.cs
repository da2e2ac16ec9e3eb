using Rhea.Core.Machines;

namespace Rhea.Devices.Storage;

/// <summary>A place on an IDE cable. Which of the two it is, the drive asks for with <c>unit=</c>.</summary>
public sealed class IdeSlot(SlotServices services, IdeChannel channel) : Slot(services)
{
    public override string Bus => channel.Name;

    public override string BusType => "IDE";

    internal IdeChannel Channel => channel;

    /// <summary>Takes a place; -1 is the first one free.</summary>
    /// <exception cref="Core.ConfigException">It is taken, or there is none.</exception>
    internal int Plug(IdeDrive drive, int unit)
    {
        int place = channel.Reserve(unit);
        channel.Plug(place, drive);
        OnRelease(() => channel.Unplug(place));
        return place;
    }
}

using Rhea.Core;

namespace Rhea.Control.CommandLines;

/// <summary>The display adapter, and who looks at it.</summary>
internal static class DisplayOptions
{
    public static IReadOnlyList<Option> All { get; } =
    [
        new("display", "none", "show the guest's display nowhere; screendump still sees it", Display),
        new("nographic", null, "put the serial port and the monitor on this terminal", (draft, _) =>
            draft.Machine = draft.Machine with { NoGraphic = true, Switches = draft.Machine.Switches with { Graphics = false } }),
        new("vga", "std|none", "choose the display adapter", Vga),
        new("vnc", "none", "show the guest's display to nobody over the network", Vnc),
    ];

    private static void Display(Draft draft, string text)
    {
        string type = text.Split(',')[0].Split('=')[0];
        switch (type)
        {
            case "none":
                break;
            case "help":
                draft.Answer = "Available display backend types:\nnone\n";
                break;
            case "gtk" or "sdl" or "vnc" or "curses" or "egl-headless" or "spice-app" or "dbus":
                throw LaterOptions.NotYet($"display {type}");
            default:
                throw new ConfigException($"Parameter 'type' does not accept value '{type}'");
        }

        draft.DisplayGiven = true;
    }

    private static void Vnc(Draft draft, string text)
    {
        if (text != "none") throw LaterOptions.NotYet("-vnc");
        draft.DisplayGiven = true;
    }

    private static void Vga(Draft draft, string type)
    {
        switch (type)
        {
            case "std" or "none":
                (draft.Machine, draft.VgaGiven) = (draft.Machine with { Vga = type }, true);
                break;
            case "help":
                draft.Answer = $"{"none",-20} no graphic card\n{"std",-20} standard VGA (default)\n";
                break;
            case "cirrus" or "vmware" or "qxl" or "virtio" or "xenfb":
                throw LaterOptions.NotYet($"display adapter {type}");
            default:
                throw new ConfigException($"unknown vga type: {type}");
        }
    }
}

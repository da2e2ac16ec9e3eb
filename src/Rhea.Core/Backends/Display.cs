namespace Rhea.Core.Backends;

/// <summary>Pixels the guest shows, 32 bits each (X8R8G8B8), rows from the top.</summary>
public sealed class DisplaySurface(int width, int height)
{
    private readonly uint[] _pixels = new uint[width * height];

    public int Width => width;

    public int Height => height;

    public Span<uint> Row(int y) => _pixels.AsSpan(y * width, width);
}

/// <summary>A picture source that a viewer may look at: a display adapter's output. A machine's consoles are a list of these.</summary>
public interface IConsole
{
    /// <summary>"VGA", "serial0": what <c>screendump</c> and viewers know it by.</summary>
    string Label { get; }

    /// <summary>The picture as of the last <see cref="Refresh"/>. It is replaced, not resized.</summary>
    DisplaySurface Surface { get; }

    /// <summary>Under the machine lock: draws what the guest has changed since the last call and tells the viewers.</summary>
    void Refresh();

    /// <summary>The text screen as lines, or null in a graphics mode.</summary>
    IReadOnlyList<string>? Text { get; }

    void Attach(IDisplayViewer viewer);

    void Detach(IDisplayViewer viewer);
}

/// <summary>Somebody who looks at a console. Called under the machine lock: takes copies of what changed and encodes them elsewhere.</summary>
public interface IDisplayViewer
{
    void Resized(DisplaySurface surface);

    void Updated(DisplaySurface surface, int x, int y, int width, int height);
}

/// <summary>Where the user's keys and pointer movements go: a keyboard, a mouse, a tablet. On the loop.</summary>
public interface IInputSink
{
    /// <param name="key">A QEMU key code ("ret", "ctrl", "a").</param>
    /// <param name="down">Pressed or released.</param>
    void Key(string key, bool down);

    void Move(int dx, int dy, int wheel);

    void Button(int button, bool down);
}

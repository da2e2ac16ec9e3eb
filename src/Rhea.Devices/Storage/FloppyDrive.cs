using Rhea.Core;
using Rhea.Core.Backends;
using Rhea.Core.Machines;
using Rhea.Core.Memory;

namespace Rhea.Devices.Storage;

/// <summary>A floppy drive, with a disk in it or without. Where its head is, the controller knows.</summary>
/// <remarks>An image has no address marks, gaps or checksums: a sector is where its number says, and always good.</remarks>
[Device("floppy", "Floppy disk drive")]
public sealed class FloppyDrive : Device
{
    private readonly IBlockBackend? _drive;
    private readonly FloppyType? _wanted;
    private readonly FloppyType _fallback;

    public FloppyDrive(FloppySlot slot, Options options)
    {
        _fallback = slot.Controller.FallbackType ?? FloppyType.Inch3M288;
        _drive = slot.Drive(options.Drive);
        Unit = slot.Plug(this, options.Unit);
        _wanted = TypeOf("drive-type", options.Type) ?? slot.Controller.DefaultType(Unit);
        if (_wanted == FloppyType.None) _wanted = null;
        Look();
        Type = Format?.Type ?? _wanted ?? _fallback;
        if (_drive is not null) _drive.MediumChanged += OnMediumChanged;
        slot.OnRelease(() => _drive?.MediumChanged -= OnMediumChanged);
    }

    /// <summary>0 or 1.</summary>
    public int Unit { get; }

    /// <summary>What the machine's set-up knows the drive as: the disk that is in it at first decides, unless the user has.</summary>
    public FloppyType Type { get; }

    /// <summary>Null without a disk.</summary>
    public FloppyFormat? Format { get; private set; }

    internal bool IsWritable => _drive is { HasMedium: true, IsReadOnly: false };

    /// <summary>The disk has been changed.</summary>
    internal Action? Changed { get; set; }

    public override string Model => "floppy";

    public override void Reset()
    {
    }

    internal ValueTask ReadAsync(long offset, Memory<byte> sector, CancellationToken cancel) =>
        _drive?.ReadAsync(offset, ScatterList.Of(sector), cancel) ?? throw new BlockException(BlockError.NoMedium, "No medium found");

    internal ValueTask WriteAsync(long offset, Memory<byte> sector, CancellationToken cancel) =>
        _drive?.WriteAsync(offset, ScatterList.Of(sector), cancel: cancel) ?? throw new BlockException(BlockError.NoMedium, "No medium found");

    /// <summary>A word of QEMU's for a kind of drive; null leaves it open.</summary>
    internal static FloppyType? TypeOf(string property, string word) => word switch
    {
        "auto" => null,
        "144" => FloppyType.Inch3M144,
        "288" => FloppyType.Inch3M288,
        "120" => FloppyType.Inch5M12,
        "none" => FloppyType.None,
        _ => throw new ConfigException($"Parameter '{property}' does not accept value '{word}'"),
    };

    private void OnMediumChanged()
    {
        Look();
        Changed?.Invoke();
    }

    private void Look() => Format = _drive is { HasMedium: true } ? FloppyFormat.Of(_drive.Length, _wanted, _fallback) : null;

    public sealed record Options
    {
        [Option("drive", "The disk, by its id; none for a drive that stays empty")]
        public string Drive { get; init; } = "";

        [Option("unit", "Place on the cable, 0 or 1; -1 is the first one free")]
        public int Unit { get; init; } = -1;

        [Option("drive-type", "144, 288, 120; auto is what the first disk is made for")]
        public string Type { get; init; } = "auto";
    }
}

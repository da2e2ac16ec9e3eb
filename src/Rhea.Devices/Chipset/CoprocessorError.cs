using Rhea.Core.Cpu;
using Rhea.Core.Io;
using Rhea.Core.Machines;

namespace Rhea.Devices.Chipset;

/// <summary>How a PC tells of floating-point errors since the 80287: interrupt 13, and port F0h to say that it was noticed.</summary>
/// <remarks>
/// With CR0.NE clear the processor raises FERR# in place of #MF. The chipset turns that into IRQ 13 until the handler writes to
/// port F0h, which also asserts IGNNE#: the processor may then go on until it has no error any more (Intel SDM vol. 1, 8.7 and
/// appendix D). A machine that is loaded with an error pending reports it anew.
/// </remarks>
public sealed class CoprocessorError : Device
{
    private readonly IrqLine _irq;

    public CoprocessorError(IsaSlot slot)
    {
        _irq = slot.Irq(13);
        slot.MapPorts(0xF0, new IoRegion("ioportF0", 1, AccessSizes.Byte, (_, _) => byte.MaxValue, (_, _, _) => Ignore()));
    }

    public override string Model => "ferr";

    /// <summary>Of the processor whose pins these are.</summary>
    public CpuRegisters? Processor { get; set; }

    public override void Reset() => Report(false);

    /// <summary>The FERR# pin.</summary>
    public void Report(bool error)
    {
        _irq.Set(error && Processor is not { IgnoresNumericErrors: true });
        if (!error) Processor?.IgnoresNumericErrors = false;
    }

    private void Ignore()
    {
        Processor?.IgnoresNumericErrors = true;
        _irq.Set(false);
    }
}

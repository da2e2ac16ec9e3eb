using System.Buffers.Binary;
using Rhea.Core.Io;
using Rhea.Core.Machines;
using Rhea.Core.Time;

namespace Rhea.Devices.Chipset;

/// <summary>VMware's port: a guest puts a number and arguments into registers, reads the port, and finds the answer in registers.</summary>
/// <remarks>
/// VMware's "backdoor" as open-vm-tools uses it: EAX holds a magic number, CX the command, EBX an argument. The machine says of
/// itself what QEMU's says. A command that nobody knows leaves all ones in EAX.
/// </remarks>
public sealed class VmPort : Device
{
    public const uint Magic = 0x564D_5868;

    private const ushort Port = 0x5658;
    private const int Eax = 0, Ecx = 1, Edx = 2, Ebx = 3, Esi = 6, Edi = 7; // in encoding order
    private const uint GetVersion = 10, GetBiosUuid = 19, GetRamSize = 20, GetTime = 23, MouseData = 39, MouseStatus = 40, MouseCommand = 41,
        GetTimeFull = 46, GetVcpuInfo = 68;
    private const uint ProductVersion = 6, ServerProduct = 2, MemoryMark = 0x1177, MostTimeLag = 1_000_000; // microseconds
    private const uint Unknown = uint.MaxValue;

    private readonly IsaSlot _slot;
    private readonly PortCaller _caller;
    private readonly Input.VmMouse _mouse;
    private readonly Options _options;

    public VmPort(IsaSlot slot, PortCaller caller, Input.VmMouse mouse, Options options)
    {
        (_slot, _caller, _mouse, _options) = (slot, caller, mouse, options);
        slot.MapPorts(Port, new IoRegion("vmport", 4, AccessSizes.DWord, (_, _) => Call(), (_, _, _) => Write()), claimed: 1);
    }

    public override string Model => "vmport";

    public override void Reset()
    {
    }

    /// <summary>Writing is reading whose answer goes straight into EAX.</summary>
    private void Write()
    {
        uint answer = Call();
        if (_caller.Vcpu is { } vcpu) vcpu.General[Eax] = answer;
    }

    private uint Call()
    {
        if (_caller.Vcpu is not { } vcpu || (uint)vcpu.General[Eax] != Magic) return Unknown;
        Span<ulong> registers = vcpu.General;
        switch ((uint)registers[Ecx])
        {
            case GetVersion:
                (registers[Ebx], registers[Ecx]) = (Magic, ServerProduct);
                return ProductVersion;
            case GetRamSize:
                registers[Ebx] = MemoryMark;
                return (uint)_options.Memory;
            case GetBiosUuid:
                return Identify(registers);
            case GetTime:
                return (uint)Time(registers);
            case GetTimeFull:
                long seconds = Time(registers);
                (registers[Esi], registers[Edx]) = ((uint)(seconds >> 32), (uint)seconds);
                return Magic;
            case GetVcpuInfo:
                const uint X2ApicWorks = 1 << 3;
                return _options.X2Apic ? X2ApicWorks : 0;
            case MouseStatus:
                return _mouse.Status;
            case MouseCommand:
                _mouse.Command((uint)registers[Ebx]);
                return Magic;
            case MouseData:
                return TakeMouse(registers);
            default:
                return Unknown;
        }
    }

    private uint Identify(Span<ulong> registers)
    {
        Span<byte> uuid = stackalloc byte[16];
        _options.Uuid.TryWriteBytes(uuid, bigEndian: true, out _);
        (registers[Ebx], registers[Ecx], registers[Edx]) = (Part(uuid, 4), Part(uuid, 8), Part(uuid, 12));
        return Part(uuid, 0);
    }

    private static uint Part(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    /// <summary>Seconds since 1970; the microseconds go into EBX.</summary>
    private long Time(Span<ulong> registers)
    {
        (long seconds, long rest) = Math.DivRem(_slot.Clock.Wall, VmClock.Second);
        (registers[Ebx], registers[Ecx]) = ((ulong)rest / 1000, MostTimeLag);
        return seconds;
    }

    /// <summary>Up to six numbers of the mouse, into as many registers.</summary>
    private uint TakeMouse(Span<ulong> registers)
    {
        Span<uint> taken = stackalloc uint[6];
        ReadOnlySpan<int> targets = [Eax, Ebx, Ecx, Edx, Esi, Edi];
        int count = _mouse.Take((int)Math.Min((uint)registers[Ebx], int.MaxValue), taken);
        for (var i = 1; i < count; i++) registers[targets[i]] = taken[i];
        return count > 0 ? taken[0] : Magic;
    }

    /// <summary>What the machine is.</summary>
    /// <param name="Memory">In bytes.</param>
    /// <param name="Uuid">The machine's.</param>
    /// <param name="X2Apic">The processors have one.</param>
    public sealed record Options(ulong Memory, Guid Uuid, bool X2Apic);
}

using System.Buffers.Binary;
using Rhea.Hypervisors.Xen;

namespace Rhea.Tests.Hypervisors;

/// <summary>A hypervisor that notes what it is asked, in the layout of Xen 4.17, and agrees to it, or refuses.</summary>
internal sealed class FakeHypercalls : IHypercalls
{
    public const ushort Id = 7;

    private const int Payload = 16, InfoLength = 112, InfoMostPages = 16, InfoHandle = 76, ContextLength = 1000;

    private byte[] _handle = new byte[16];

    /// <summary>What each call was about, in words; by domain where it names one.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>What all further calls answer.</summary>
    public long Result { get; set; }

    /// <summary>The domain that is told about when its own is asked for.</summary>
    public ushort Told { get; set; } = Id;

    public bool Disposed { get; private set; }

    public long Call(Hypercall number, int command, Span<byte> structure, Span<byte> buffer = default, int pointer = 0)
    {
        switch (number)
        {
            case Hypercall.Domctl:
                return DoDomctl(structure, buffer);
            case Hypercall.MemoryOp:
                ulong pieces = BinaryPrimitives.ReadUInt64LittleEndian(structure[8..]);
                Calls.Add($"{(MemoryOp)command} {BinaryPrimitives.ReadUInt16LittleEndian(structure[24..])}: {pieces} of order {BinaryPrimitives.ReadUInt32LittleEndian(structure[16..])}"
                    + $" from {BinaryPrimitives.ReadUInt64LittleEndian(buffer):x} to {BinaryPrimitives.ReadUInt64LittleEndian(buffer[^8..]):x}, flags {BinaryPrimitives.ReadUInt32LittleEndian(structure[20..])}");
                if ((int)pieces * sizeof(ulong) != buffer.Length) throw new InvalidOperationException("the list has another length");
                return Result < 0 ? Result : (long)pieces;
            case Hypercall.Sysctl:
                var sysctl = (Sysctl)BinaryPrimitives.ReadUInt32LittleEndian(structure);
                if (sysctl != Sysctl.GetDomainInfoList)
                {
                    Calls.Add($"{sysctl}");
                    return Result;
                }

                Info(buffer);
                BinaryPrimitives.WriteUInt32LittleEndian(structure[24..], 1);
                return 0;
            default:
                Calls.Add($"{number}");
                return Result;
        }
    }

    public long Call(Hypercall number, ulong first, ulong second) => throw new InvalidOperationException("nobody asks for a hypercall of numbers");

    public long CallAll(IReadOnlyList<(Hypercall Number, int Command, byte[] Structure)> calls)
    {
        foreach ((Hypercall number, int command, byte[] structure) in calls)
            if (number == Hypercall.HvmOp) Calls.Add($"HvmOp {BinaryPrimitives.ReadUInt16LittleEndian(structure)}: {(HvmParam)BinaryPrimitives.ReadUInt32LittleEndian(structure.AsSpan(4))}");
            else Call(number, command, structure);
        return Result;
    }

    public void Dispose() => Disposed = true;

    private long DoDomctl(Span<byte> structure, Span<byte> buffer)
    {
        var command = (Domctl)BinaryPrimitives.ReadUInt32LittleEndian(structure);
        Calls.Add($"{command} {BinaryPrimitives.ReadUInt16LittleEndian(structure[8..])}{(buffer.IsEmpty ? "" : $": {buffer.Length} bytes")}");
        if (Result < 0 && command != Domctl.DestroyDomain) return Result;
        switch (command)
        {
            case Domctl.CreateDomain:
                _handle = structure.Slice(Payload + 4, 16).ToArray();
                BinaryPrimitives.WriteUInt16LittleEndian(structure[8..], Id);
                break;
            case Domctl.GetDomainInfo:
                BinaryPrimitives.WriteUInt16LittleEndian(structure[8..], Told);
                Info(structure[Payload..]);
                break;
            case Domctl.GetHvmContext when buffer.IsEmpty:
                BinaryPrimitives.WriteUInt32LittleEndian(structure[Payload..], ContextLength);
                break;
        }

        return Result;
    }

    private void Info(Span<byte> into)
    {
        into[..InfoLength].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(into, Told);
        BinaryPrimitives.WriteUInt64LittleEndian(into[InfoMostPages..], 1 << 14); // 64 MiB
        _handle.CopyTo(into[InfoHandle..]);
    }
}

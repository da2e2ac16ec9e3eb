using System.Numerics;

namespace Rhea.Core.Pci;

/// <summary>Message signalled interrupts: the function writes a number to an address that the guest chose, instead of pulling a pin.</summary>
/// <remarks>PCI Local Bus 3.0, 6.8.1. All its state is in configuration space.</remarks>
public sealed class PciMsi
{
    private const byte Id = 0x05;
    private const byte Enable = 0x01;                                       // message control
    private const int VectorsShift = 4, VectorsMask = 0x70, OffersShift = 1; // message control: powers of two
    private const ushort WideAddress = 0x80, Maskable = 0x100;

    private readonly PciFunction _function;
    private readonly int _control, _address, _data, _mask, _pending, _offers;
    private readonly bool _wide, _maskable;

    internal PciMsi(PciFunction function, int vectors, bool wide, bool maskable, int at)
    {
        (_function, _wide, _maskable, _offers) = (function, wide, maskable, BitOperations.Log2((uint)vectors));
        at = function.AddCapability(Id, 10 + (wide ? 4 : 0) + (maskable ? 10 : 0), at);
        (_control, _address, _data) = (at + 2, at + 4, at + (wide ? 12 : 8));
        (_mask, _pending) = (_data + 4, _data + 8);
        function.SetWord(_control, (ushort)((_offers << OffersShift) | (wide ? WideAddress : 0) | (maskable ? Maskable : 0)));
        function.SetWritable(_control, VectorsMask | Enable);
        function.SetWritable(_address, 0xFC, 0xFF, 0xFF, 0xFF);
        if (wide) function.SetWritable(_address + 4, 0xFF, 0xFF, 0xFF, 0xFF);
        function.SetWritable(_data, 0xFF, 0xFF);
        if (!maskable) return;
        uint bits = uint.MaxValue >> (32 - vectors);
        function.SetWritable(_mask, (byte)bits, (byte)(bits >> 8), (byte)(bits >> 16), (byte)(bits >> 24));
    }

    /// <summary>The guest wants messages, and so no pin.</summary>
    public bool Enabled => (_function[_control] & Enable) != 0;

    /// <summary>Sends the message of one vector, or remembers it while that is masked.</summary>
    public void Send(int vector)
    {
        if (!Enabled) return;
        if (_maskable && (_function.DWord(_mask) >> vector & 1) != 0)
        {
            _function.SetDWord(_pending, _function.DWord(_pending) | (1u << vector));
            return;
        }

        ulong address = _function.DWord(_address) | (_wide ? (ulong)_function.DWord(_address + 4) << 32 : 0);
        uint low = (1u << Granted) - 1;
        if (_function.IsBusMaster) _function.Bus.SendMsi(address, (_function.Word(_data) & ~low) | ((uint)vector & low));
    }

    internal void Reset()
    {
        _function[_control] &= unchecked((byte)~(VectorsMask | Enable));
        _function.SetDWord(_address, 0);
        if (_wide) _function.SetDWord(_address + 4, 0);
        _function.SetWord(_data, 0);
        if (!_maskable) return;
        _function.SetDWord(_mask, 0);
        _function.SetDWord(_pending, 0);
    }

    /// <summary>After a write to configuration space: sends what waited and no longer is masked.</summary>
    internal void OnWritten()
    {
        if (!Enabled) return;
        _function.Interrupt = false;
        if (Granted > _offers) _function[_control] = (byte)((_function[_control] & ~VectorsMask) | (_offers << VectorsShift));
        if (!_maskable) return;
        uint ready = _function.DWord(_pending) & ~_function.DWord(_mask);
        _function.SetDWord(_pending, _function.DWord(_pending) & ~ready);
        for (; ready != 0; ready &= ready - 1) Send(BitOperations.TrailingZeroCount(ready));
    }

    /// <summary>Base-2 logarithm of the number of vectors that the guest lets the device use.</summary>
    private int Granted => (_function[_control] & VectorsMask) >> VectorsShift;
}

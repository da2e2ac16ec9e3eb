using System.Buffers.Binary;
using Iced.Intel;
using Rhea.Devices.Chipset;
using static Iced.Intel.AssemblerRegisters;

namespace Rhea.Boards.Firmware;

/// <summary>Real-mode code that reads fw_cfg: a number by port, a whole item by DMA to wherever it belongs.</summary>
/// <remarks>A DMA request lies on the stack, at SS:BP. EAX, EDX and flags are lost.</remarks>
internal sealed class FwCfgReader(Assembler code)
{
    private const ushort Selector = 0x510, Dma = 0x514;
    private const int RequestLength = 16, LengthOffset = 4, AddressOffset = 12;
    private const uint SelectAndRead = 0x0A, ErrorOnly = 0x01;

    private Label _readNumber;

    /// <summary>Makes room for the request. First of all.</summary>
    public void Begin()
    {
        _readNumber = code.CreateLabel();
        code.sub(sp, RequestLength);
        code.mov(bp, sp);
    }

    /// <summary>EAX becomes the 32-bit number of an item.</summary>
    public void ReadNumber(FwCfgKey key)
    {
        code.mov(ax, (ushort)key);
        code.call(_readNumber);
    }

    /// <summary>Brings an item to the address that another item holds; nothing when its size, in a third, is 0.</summary>
    public void Copy(FwCfgKey data, FwCfgKey size, FwCfgKey address)
    {
        Label wait = code.CreateLabel(), done = code.CreateLabel();
        ReadNumber(size);
        code.test(eax, eax);
        code.jz(done);
        code.bswap(eax);
        code.mov(__dword_ptr[bp + LengthOffset], eax);
        ReadNumber(address);
        code.bswap(eax);
        code.mov(__dword_ptr[bp + AddressOffset], eax);
        code.mov(__dword_ptr[bp + AddressOffset - 4], 0);
        code.mov(__dword_ptr[bp], BigEndian(((uint)data << 16) | SelectAndRead));

        code.mov(dx, Dma);
        code.xor(eax, eax);
        code.@out(dx, eax);
        code.mov(ax, ss);
        code.shl(eax, 4);
        code.movzx(edx, bp);
        code.add(eax, edx);
        code.bswap(eax);
        code.mov(dx, Dma + 4);
        code.@out(dx, eax);
        code.Label(ref wait);
        code.test(__dword_ptr[bp], BigEndian(~ErrorOnly));
        code.jnz(wait);
        code.Label(ref done);
        code.nop(); // a label needs an instruction
    }

    /// <summary>After all code that uses it: the routine behind <see cref="ReadNumber"/>.</summary>
    public void End()
    {
        code.Label(ref _readNumber);
        code.mov(dx, Selector);
        code.@out(dx, ax);
        code.inc(dx);
        for (var i = 0; i < 4; i++)
        {
            code.@in(al, dx);
            code.ror(eax, 8);
        }

        code.ret();
    }

    private static uint BigEndian(uint value) => BinaryPrimitives.ReverseEndianness(value);
}

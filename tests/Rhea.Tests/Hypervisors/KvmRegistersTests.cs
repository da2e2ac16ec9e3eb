using Rhea.Core.Cpu;
using Rhea.Hypervisors.Kvm;
using Xunit;

namespace Rhea.Tests.Hypervisors;

/// <summary>Registers go to KVM's structures and come back the same.</summary>
public class KvmRegistersTests
{
    [Fact]
    public void General_registers_keep_their_places()
    {
        CpuState state = default, back = default;
        for (var i = 0; i < 16; i++) state.General[i] = 0x1111_1111_1111_1111UL * (ulong)i;
        (state.Rip, state.Rflags) = (0x1234, 0x246);
        KvmRegs registers = default;

        KvmRegisters.Store(in state, ref registers);
        KvmRegisters.Fetch(in registers, ref back);

        Assert.Equal(state.General[1], registers.Rcx); // RCX has number 1 and comes third there
        Assert.Equal(state.General[5], registers.Rbp);
        Assert.Equal(((ReadOnlySpan<ulong>)state.General).ToArray(), ((ReadOnlySpan<ulong>)back.General).ToArray());
        Assert.Equal((state.Rip, state.Rflags), (back.Rip, back.Rflags));
    }

    [Fact]
    public void Segments_keep_every_bit_of_their_descriptors()
    {
        CpuState state = default, back = default;
        for (uint i = 0; i < 6; i++)
            state.Segments[(int)i] = new Segment { Base = 0x1000 * i, Limit = 0xF_FFFF - i, Selector = (ushort)(8 * i), Flags = 0xF0_FF00 & ~(1u << (int)(8 + i)) };
        state.Tr = new Segment { Base = 0x8000, Limit = 0x67, Selector = 0x40, Flags = 0x8B00 };
        state.Ldtr = new Segment { Flags = 0x8200 };
        (state.Gdtr, state.Idtr) = (new Segment { Base = 0x1_0000, Limit = 0x7F }, new Segment { Base = 0x2_0000, Limit = 0xFFF });
        (state.Cr0, state.Cr2, state.Cr3, state.Cr4, state.Efer) = (0x8005_0033, 5, 0x1000, 0x6F0, 0xD01);
        KvmSregs system = new() { ApicBase = 0xFEE0_0900, Cr8 = 3 };

        KvmRegisters.Store(in state, ref system);
        KvmRegisters.Fetch(in system, ref back);

        for (var i = 0; i < 6; i++) Assert.Equal(state.Segments[i], back.Segments[i]);
        Assert.Equal((state.Tr, state.Ldtr, state.Gdtr, state.Idtr), (back.Tr, back.Ldtr, back.Gdtr, back.Idtr));
        Assert.Equal((state.Cr0, state.Cr2, state.Cr3, state.Cr4, state.Efer), (back.Cr0, back.Cr2, back.Cr3, back.Cr4, back.Efer));
        Assert.Equal((0xFEE0_0900UL, 3UL), (system.ApicBase, system.Cr8)); // not the processor's
    }

    [Fact]
    public void A_segment_that_is_not_present_is_unusable()
    {
        CpuState state = default, back = default;
        KvmSregs system = default;
        KvmRegisters.Store(in state, ref system);
        system.Es.Present = 1; // Intel's processors leave it

        KvmRegisters.Fetch(in system, ref back);

        Assert.Equal(1, system.Es.Unusable);
        Assert.Equal(0u, back.Segments[(int)SegmentRegister.Es].Flags);
    }

    /// <summary>FXSAVE's registers count from the top of the stack, the canonical ones do not.</summary>
    [Fact]
    public void Floating_point_and_vector_registers_come_back()
    {
        CpuState state = default, back = default;
        (state.FpuControl, state.FpuStatus, state.FpuEmpty, state.FpuOpcode, state.Mxcsr) = (0x37F, 5 << 11, 0b0101_1111, 0x123, 0x1FA0);
        (state.FpuInstruction, state.FpuOperand, state.Xcr0) = (0x8_1234, 0x9_5678, 7);
        for (var i = 0; i < 8; i++) state.X87[i] = new X87Register { Significand = 0x8000_0000_0000_0000 + (ulong)i, SignExponent = (ushort)(0x3FFF + i) };
        for (var i = 0; i < 16; i++)
            for (var word = 0; word < 4; word++) state.Vector[i][word] = (ulong)((i * 4) + word) * 0x0123_4567_89AB_CDEF;
        KvmXsave area = default;

        KvmRegisters.StoreExtended(in state, area);
        KvmRegisters.FetchExtended(area, ref back);

        Assert.Equal(5, area[32]); // ST(0) is R5
        for (var i = 0; i < 8; i++) Assert.Equal(state.X87[i], back.X87[i]);
        for (var i = 0; i < 16; i++) Assert.Equal(((ReadOnlySpan<ulong>)state.Vector[i]).ToArray(), ((ReadOnlySpan<ulong>)back.Vector[i]).ToArray());
        Assert.Equal((state.FpuControl, state.FpuStatus, state.FpuEmpty, state.FpuOpcode, state.Mxcsr), (back.FpuControl, back.FpuStatus, back.FpuEmpty, back.FpuOpcode, back.Mxcsr));
        Assert.Equal((state.FpuInstruction, state.FpuOperand), (back.FpuInstruction, back.FpuOperand));
        Assert.Equal(7UL, back.XstateBv);
    }

    [Fact]
    public void Debug_registers_come_back()
    {
        CpuState state = default, back = default;
        for (var i = 0; i < 4; i++) state.Debug[i] = 0x1000UL * (ulong)(i + 1);
        (state.Debug[6], state.Debug[7]) = (0xFFFF_0FF1, 0x401);
        KvmDebugRegs debug = default;

        KvmRegisters.Store(in state, ref debug);
        KvmRegisters.Fetch(in debug, ref back);

        Assert.Equal(((ReadOnlySpan<ulong>)state.Debug).ToArray(), ((ReadOnlySpan<ulong>)back.Debug).ToArray());
    }

    /// <summary>The kernel takes a structure by the size in its call's number.</summary>
    [Theory]
    [InlineData(nameof(KvmRegs), KvmCall.GetRegs)]
    [InlineData(nameof(KvmSregs), KvmCall.GetSregs)]
    [InlineData(nameof(KvmDebugRegs), KvmCall.GetDebugRegs)]
    [InlineData(nameof(KvmVcpuEvents), KvmCall.GetVcpuEvents)]
    [InlineData(nameof(KvmXsave), KvmCall.GetXsave)]
    [InlineData(nameof(KvmXcrs), KvmCall.GetXcrs)]
    [InlineData(nameof(KvmLapic), KvmCall.GetLapic)]
    [InlineData(nameof(KvmIrqChip), KvmCall.GetIrqChip)]
    [InlineData(nameof(KvmGuestDebug), KvmCall.SetGuestDebug)]
    [InlineData(nameof(KvmMsi), KvmCall.SignalMsi)]
    [InlineData(nameof(KvmMemoryRegion), KvmCall.SetUserMemoryRegion)]
    [InlineData(nameof(KvmDirtyLog), KvmCall.GetDirtyLog)]
    [InlineData(nameof(KvmEnableCap), KvmCall.EnableCap)]
    [InlineData(nameof(KvmTranslation), KvmCall.Translate)]
    [InlineData(nameof(KvmClock), KvmCall.GetClock)]
    [InlineData(nameof(KvmPit), KvmCall.GetPit2)]
    [InlineData(nameof(KvmPitConfig), KvmCall.CreatePit2)]
    [InlineData(nameof(KvmCoalescedZone), KvmCall.RegisterCoalesced)]
    internal void A_structure_has_the_size_that_its_call_names(string structure, KvmCall call) => Assert.Equal((int)call >> 16 & 0x3FFF, Sizes[structure]);

    private static readonly Dictionary<string, int> Sizes = new()
    {
        [nameof(KvmRegs)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmRegs>(),
        [nameof(KvmSregs)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmSregs>(),
        [nameof(KvmDebugRegs)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmDebugRegs>(),
        [nameof(KvmVcpuEvents)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmVcpuEvents>(),
        [nameof(KvmXsave)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmXsave>(),
        [nameof(KvmXcrs)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmXcrs>(),
        [nameof(KvmLapic)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmLapic>(),
        [nameof(KvmIrqChip)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmIrqChip>(),
        [nameof(KvmGuestDebug)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmGuestDebug>(),
        [nameof(KvmMsi)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmMsi>(),
        [nameof(KvmMemoryRegion)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmMemoryRegion>(),
        [nameof(KvmDirtyLog)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmDirtyLog>(),
        [nameof(KvmEnableCap)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmEnableCap>(),
        [nameof(KvmTranslation)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmTranslation>(),
        [nameof(KvmPit)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmPit>(),
        [nameof(KvmPitConfig)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmPitConfig>(),
        [nameof(KvmCoalescedZone)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmCoalescedZone>(),
        [nameof(KvmClock)] = System.Runtime.CompilerServices.Unsafe.SizeOf<KvmClock>(),
    };
}

namespace Rhea.X86;

/// <summary>Bits of RFLAGS (Intel SDM vol. 1, 3.4.3).</summary>
public static class Rflags
{
    public const uint Carry = 1, One = 1 << 1, Parity = 1 << 2, Adjust = 1 << 4, Zero = 1 << 6, Sign = 1 << 7, Trap = 1 << 8,
        Interrupt = 1 << 9, Direction = 1 << 10, Overflow = 1 << 11, Iopl = 3 << 12, NestedTask = 1 << 14, Resume = 1 << 16,
        Virtual8086 = 1 << 17, AlignmentCheck = 1 << 18, VirtualInterrupt = 1 << 19, VirtualInterruptPending = 1 << 20, Id = 1 << 21;

    /// <summary>What arithmetic sets.</summary>
    public const uint Status = Carry | Parity | Adjust | Zero | Sign | Overflow;
}

/// <summary>Bits of CR0 (Intel SDM vol. 3, 2.5).</summary>
public static class Cr0
{
    public const uint ProtectedMode = 1, MonitorCoprocessor = 2, Emulation = 4, TaskSwitched = 8, ExtensionType = 16, NumericError = 32,
        WriteProtect = 1 << 16, AlignmentMask = 1 << 18, NotWriteThrough = 1 << 29, CacheDisable = 1 << 30, Paging = 1u << 31;
}

/// <summary>Bits of CR4 (Intel SDM vol. 3, 2.5).</summary>
public static class Cr4
{
    public const uint Virtual8086 = 1, VirtualInterrupts = 2, TimeStampDisable = 4, DebuggingExtensions = 8, PageSize = 16,
        PhysicalAddress = 32, MachineCheck = 64, PageGlobal = 128, PerformanceCounter = 256, FxSave = 512, SimdExceptions = 1024,
        UserInstructionPrevention = 1 << 11, FiveLevelPaging = 1 << 12, FsGsBase = 1 << 16, Pcid = 1 << 17, OsXsave = 1 << 18, SupervisorExecution = 1 << 20,
        SupervisorAccess = 1 << 21;
}

/// <summary>Bits of the EFER MSR (AMD64 APM vol. 2, 3.1.7).</summary>
public static class Efer
{
    public const uint SystemCall = 1, LongModeEnable = 1 << 8, LongModeActive = 1 << 10, NoExecute = 1 << 11;
}

/// <summary>MXCSR (Intel SDM vol. 1, 10.2.3).</summary>
public static class Mxcsr
{
    /// <summary>Those that there are. A processor with more of them tells so in the image of FXSAVE.</summary>
    public const uint Bits = 0xFFFF;
}

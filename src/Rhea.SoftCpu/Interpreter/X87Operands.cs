using Rhea.X86.FloatingPoint;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>An x87 instruction's memory operand that is read: its format.</summary>
internal interface IX87Source
{
    /// <summary>The bits, so that a page fault comes before anything else.</summary>
    static abstract bool Load(Cpu cpu, in Op op, out ulong bits);

    static abstract Float80 Convert(ulong bits, ref FloatEnvironment environment);
}

internal struct SingleOperand : IX87Source
{
    public static bool Load(Cpu cpu, in Op op, out ulong bits)
    {
        bool loaded = cpu.Load(in op, out uint value);
        bits = value;
        return loaded;
    }

    public static Float80 Convert(ulong bits, ref FloatEnvironment environment) => X87Conversion.FromSingle((uint)bits, ref environment);
}

internal struct DoubleOperand : IX87Source
{
    public static bool Load(Cpu cpu, in Op op, out ulong bits) => cpu.Load(in op, out bits);

    public static Float80 Convert(ulong bits, ref FloatEnvironment environment) => X87Conversion.FromDouble(bits, ref environment);
}

internal struct Int16Operand : IX87Source
{
    public static bool Load(Cpu cpu, in Op op, out ulong bits)
    {
        bool loaded = cpu.Load(in op, out short value);
        bits = (ulong)value;
        return loaded;
    }

    public static Float80 Convert(ulong bits, ref FloatEnvironment environment) => X87Conversion.FromInteger((long)bits);
}

internal struct Int32Operand : IX87Source
{
    public static bool Load(Cpu cpu, in Op op, out ulong bits)
    {
        bool loaded = cpu.Load(in op, out int value);
        bits = (ulong)value;
        return loaded;
    }

    public static Float80 Convert(ulong bits, ref FloatEnvironment environment) => X87Conversion.FromInteger((long)bits);
}

internal struct Int64Operand : IX87Source
{
    public static bool Load(Cpu cpu, in Op op, out ulong bits) => cpu.Load(in op, out bits);

    public static Float80 Convert(ulong bits, ref FloatEnvironment environment) => X87Conversion.FromInteger((long)bits);
}

/// <summary>The format that a store converts to.</summary>
internal interface IX87Target
{
    /// <summary>In bytes.</summary>
    static abstract int Size { get; }

    static abstract bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment);
}

internal struct SingleTarget : IX87Target
{
    public static int Size => sizeof(float);

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        uint bits = X87Conversion.ToSingle(value, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, sizeof(uint)) : cpu.Store(in op, bits);
    }
}

internal struct DoubleTarget : IX87Target
{
    public static int Size => sizeof(double);

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        ulong bits = X87Conversion.ToDouble(value, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, sizeof(ulong)) : cpu.Store(in op, bits);
    }
}

internal struct Int16Target : IX87Target
{
    public static int Size => sizeof(short);

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        var bits = (short)X87Conversion.ToInteger(value, 16, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, sizeof(short)) : cpu.Store(in op, bits);
    }
}

internal struct Int32Target : IX87Target
{
    public static int Size => sizeof(int);

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        var bits = (int)X87Conversion.ToInteger(value, 32, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, sizeof(int)) : cpu.Store(in op, bits);
    }
}

internal struct Int64Target : IX87Target
{
    public static int Size => sizeof(long);

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        long bits = X87Conversion.ToInteger(value, 64, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, sizeof(long)) : cpu.Store(in op, bits);
    }
}

/// <summary>FISTTP: rounds toward zero whatever the control word says.</summary>
internal struct Truncating<T> : IX87Target where T : IX87Target
{
    public static int Size => T.Size;

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        environment.Rounding = RoundingMode.TowardZero;
        return T.Store(cpu, in op, value, ref environment);
    }
}

internal struct DecimalTarget : IX87Target
{
    public static int Size => 10;

    public static bool Store(Cpu cpu, in Op op, Float80 value, ref FloatEnvironment environment)
    {
        UInt128 digits = X87Conversion.ToDecimal(value, ref environment);
        return X87Store.IsDiscarded(environment) ? cpu.CanStore(in op, Size) : X87Store.StoreTenBytes(cpu, in op, (ulong)digits, (ushort)(digits >> 64));
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rhea.SoftCpu.Interpreter;

/// <summary>VGATHER and VPGATHER: lanes from addresses of their own, where the mask's sign is set; what is done leaves the mask.</summary>
/// <typeparam name="T">The lane.</typeparam>
/// <typeparam name="TIndex">The signed index.</typeparam>
internal static class VexGather<T, TIndex>
    where T : unmanaged, IBinaryInteger<T>
    where TIndex : unmanaged, IBinaryInteger<TIndex>
{
    public static Step Lower(Cpu cpu, in Op op) => Gather(cpu, in op, Vector128<byte>.Count);

    public static Step Wide(Cpu cpu, in Op op) => Gather(cpu, in op, Vector256<byte>.Count);

    /// <summary>A fault keeps the lanes before it (Intel SDM vol. 2, VGATHERDPS), so that the instruction goes on from there.</summary>
    /// <param name="bytes">Of the wider one of data and indices.</param>
    private static Step Gather(Cpu cpu, in Op op, int bytes)
    {
        if (!Vex.IsReady(cpu)) return Step.Fault;
        int lanes = bytes / Math.Max(Unsafe.SizeOf<T>(), Unsafe.SizeOf<TIndex>());
        Vector256<T> result = cpu.Get<Vector256<T>>(op.R0), mask = cpu.Get<Vector256<T>>(op.R2);
        Vector256<TIndex> indices = cpu.Get<Vector256<TIndex>>(op.Index);
        for (var lane = 0; lane < lanes; lane++)
        {
            bool chosen = T.IsNegative(mask[lane]);
            mask = chosen ? mask : mask.WithElement(lane, T.Zero);
            if (!chosen) continue;
            ulong offset = cpu.Get<ulong>(op.Base) + (ulong.CreateTruncating(indices[lane]) << op.Scale) + (ulong)op.Displacement;
            if (!cpu.LoadAt(in op, offset, out T value))
            {
                (cpu.Ref<Vector256<T>>(op.R0), cpu.Ref<Vector256<T>>(op.R2)) = (result, mask);
                return Step.Fault;
            }
            (result, mask) = (result.WithElement(lane, value), mask.WithElement(lane, T.Zero));
        }
        for (int lane = lanes; lane < Vector256<T>.Count; lane++) result = result.WithElement(lane, T.Zero);
        (cpu.Ref<Vector256<T>>(op.R0), cpu.Ref<Vector256<T>>(op.R2)) = (result, default);
        return Step.Next;
    }
}

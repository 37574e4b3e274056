using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Tests.Managed.Kernels;

/// <summary>Reads of unmanaged memory for tests.</summary>
internal static unsafe class NativeBufferExtensions
{
    /// <summary>One element.</summary>
    public static ref float At(this NativeBuffer<float> buffer, int index) => ref buffer.Pointer[index];

    /// <summary>All elements.</summary>
    public static double[] ToDoubles(this NativeBuffer<float> buffer)
    {
        var values = new double[buffer.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = buffer.Pointer[i];
        }

        return values;
    }
}

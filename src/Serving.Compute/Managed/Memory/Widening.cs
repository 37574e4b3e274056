using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Serving.Compute.Managed.Memory;

/// <summary>bf16 in its natural order to floats.</summary>
internal static unsafe class Widening
{
    /// <summary>Widens 16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sixteen(ushort* source, float* destination)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            var all = Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());
            Vector512.Store((all << 16).AsSingle(), destination);
        }
        else
        {
            var lower = Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe());
            var upper = Vector256.WidenLower(Vector128.Load(source + 8).ToVector256Unsafe());
            Vector256.Store((lower << 16).AsSingle(), destination);
            Vector256.Store((upper << 16).AsSingle(), destination + 8);
        }
    }

    /// <summary>Widens rows of <paramref name="groups"/> times 16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(ushort* source, int sourceStride, float* destination, int stride, int rows, int groups)
    {
        for (var row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            for (var i = 0; i < groups * 16; i += 16)
            {
                Sixteen(source + i, destination + i);
            }
        }
    }

    /// <summary>Copies rows of <paramref name="groups"/> times 16 floats.</summary>
    public static void Rows(float* source, int sourceStride, float* destination, int stride, int rows, int groups)
    {
        for (var row = 0; row < rows; row++)
        {
            new ReadOnlySpan<float>(source + (row * sourceStride), groups * 16).CopyTo(new Span<float>(destination + (row * stride), groups * 16));
        }
    }
}

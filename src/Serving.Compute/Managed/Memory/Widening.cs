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
        for (var i = 0; i < 16; i += 8)
        {
            var (lower, upper) = Vector128.Widen(Vector128.Load(source + i));
            Vector128.Store((lower << 16).AsSingle(), destination + i);
            Vector128.Store((upper << 16).AsSingle(), destination + i + 4);
        }
    }
}

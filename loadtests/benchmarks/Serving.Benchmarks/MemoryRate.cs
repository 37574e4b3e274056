using System.Numerics;
using System.Runtime.InteropServices;

namespace Serving.Benchmarks;

/// <summary>What the machine's memory gives when bytes are only added up.</summary>
internal static class MemoryRate
{
    private const int Milliseconds = 800;

    /// <summary>Bytes a second at which <paramref name="threads"/> threads add up <paramref name="bytes"/> of memory; prints it.</summary>
    public static double Measure(long bytes, int threads)
    {
        var blocks = Enumerable.Range(0, threads).Select(_ => new ulong[Math.Max(1, bytes / threads / sizeof(ulong))]).ToArray();
        Array.ForEach(blocks, block => Array.Fill(block, 3ul));
        var sums = new ulong[threads];
        var seconds = StepSession.Best(() => Parallel.For(0, threads, i => sums[i] = Sum(blocks[i])), Milliseconds);
        GC.KeepAlive(sums);
        var rate = blocks.Sum(block => (long)block.Length * sizeof(ulong)) / seconds;
        Console.WriteLine($"reading {bytes / 1e6:F0} MB on {threads} threads: {rate / 1e9:F1} GB/s");
        return rate;
    }

    private static ulong Sum(ReadOnlySpan<ulong> values)
    {
        var lanes = MemoryMarshal.Cast<ulong, Vector<ulong>>(values);
        var (a, b, c, d) = (lanes[0], lanes[0], lanes[0], lanes[0]);
        for (var i = 0; i + 4 <= lanes.Length; i += 4)
        {
            (a, b, c, d) = (a + lanes[i], b + lanes[i + 1], c + lanes[i + 2], d + lanes[i + 3]);
        }

        return Vector.Sum(a + b + c + d);
    }
}

using System.Globalization;
using Serving.Benchmarks.Cuda;

namespace Serving.Benchmarks;

/// <summary>
/// Cutting adapters of the 8B shape into cells for a GPU, beside copies of the same bytes by the runtime. The two alternate, over more adapters than caches hold,
/// into a ring of pages as large as the backend's. The best of many is the machine's, the median is the moment's.
/// </summary>
internal static class CellsMode
{
    /// <summary>Pages of the ring that the backend cuts into.</summary>
    private const int RingPages = 4;

    /// <summary>Arguments: how many adapters (8 by default) and how many rounds (30).</summary>
    public static void Run(string[] args)
    {
        var adapters = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 8;
        var rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 30;
        var program = BenchmarkShape.Find("8b").Program();
        foreach (var rank in new[] { 16, 8 })
        {
            var cuts = new CellCuts(program, rank, adapters, RingPages);
            var (cut, copy) = (new double[rounds], new double[rounds]);
            for (var round = -1; round < rounds; round++)
            {
                // The first round is for the compiler.
                (cut[Math.Max(0, round)], copy[Math.Max(0, round)]) = (cuts.Cut(), cuts.Copy());
            }

            Print($"rank {rank}, {cuts.Bytes / 1e6:F1} MB: cut ", cut, cuts.Bytes);
            Print($"rank {rank}, {cuts.Bytes / 1e6:F1} MB: copy", copy, cuts.Bytes);
        }
    }

    private static void Print(string what, double[] seconds, long bytes)
    {
        Array.Sort(seconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}  best {bytes / seconds[0] / 1e9,6:F2} GB/s, median {bytes / seconds[seconds.Length / 2] / 1e9,6:F2} GB/s"));
    }
}

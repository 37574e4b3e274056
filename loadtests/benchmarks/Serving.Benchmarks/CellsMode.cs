using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda.Memory;

namespace Serving.Benchmarks;

/// <summary>
/// Cutting adapters of the 8B shape into cells for a GPU, beside copies of the same bytes, by one thread and by as many as the backend takes. All of it alternates,
/// over more adapters than caches hold, into a ring of pages as large as the backend's. The best of many is the machine's, the median is the moment's.
/// </summary>
internal static class CellsMode
{
    /// <summary>Pages of the ring that the backend cuts into.</summary>
    private const int RingPages = 8;

    /// <summary>Arguments: how many adapters (8 by default), rounds (30) and threads.</summary>
    public static void Run(string[] args)
    {
        var adapters = Number(args, 0, 8);
        var rounds = Number(args, 1, 30);
        var threads = Number(args, 2, CutCrew.Size);
        var program = BenchmarkShape.Find("8b").Program();
        foreach (var rank in new[] { 16, 8 })
        {
            var cuts = new CellCuts(program, rank, adapters, RingPages);
            (string Name, Func<double> Run)[] works =
            [
                ("cut by 1", () => cuts.Cut(1)),
                ("copy by 1", () => cuts.Copy(1)),
                ($"cut by {threads}", () => cuts.Cut(threads)),
                ($"copy by {threads}", () => cuts.Copy(threads)),
                ("plan", cuts.Plan),
            ];
            var seconds = works.Select(_ => new double[rounds]).ToArray();
            for (var round = -1; round < rounds; round++)
            {
                for (var work = 0; work < works.Length; work++)
                {
                    // The first round is for the compiler.
                    seconds[work][Math.Max(0, round)] = works[work].Run();
                }
            }

            for (var work = 0; work < works.Length; work++)
            {
                Print($"rank {rank}, {cuts.Bytes / 1e6:F1} MB, {works[work].Name,-10}", seconds[work], cuts.Bytes);
            }
        }
    }

    private static int Number(string[] args, int at, int otherwise) => args.Length > at ? int.Parse(args[at], CultureInfo.InvariantCulture) : otherwise;

    private static void Print(string what, double[] seconds, long bytes)
    {
        Array.Sort(seconds);
        string Of(double time) => string.Create(CultureInfo.InvariantCulture, $"{time * 1e3,7:F3} ms {bytes / time / 1e9,7:F2} GB/s");
        Console.WriteLine($"{what}  best {Of(seconds[0])}, median {Of(seconds[seconds.Length / 2])}");
    }
}

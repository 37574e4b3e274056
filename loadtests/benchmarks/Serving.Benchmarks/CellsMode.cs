using System.Globalization;
using Serving.Benchmarks.Cuda;

namespace Serving.Benchmarks;

/// <summary>
/// What an adapter of the 8B shape costs when it enters a GPU's host cache: being cut into cells, by one thread, and two of them side by side as the store prepares them, beside
/// copies of the same bytes. All of it alternates, over more adapters than caches hold. The best of many is the machine's, the median is the moment's.
/// </summary>
internal static class CellsMode
{
    /// <summary>Adapters that are prepared at once.</summary>
    private const int AtOnce = 2;

    /// <summary>Arguments: how many adapters (8 by default) and rounds (30).</summary>
    public static void Run(string[] args)
    {
        var adapters = Number(args, 0, 8);
        var rounds = Number(args, 1, 30);
        var program = BenchmarkShape.Find("8b").Program();
        foreach (var rank in new[] { 16, 8 })
        {
            var cuts = new CellCuts(program, rank, adapters);
            (string Name, int Adapters, Func<double> Run)[] works =
            [
                ("cut", 1, cuts.Cut),
                ("copy", 1, cuts.Copy),
                ($"cut {AtOnce} at once", AtOnce, () => cuts.CutSideBySide(AtOnce)),
                ("plan", 1, cuts.Plan),
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
                Print($"rank {rank}, {cuts.Bytes / 1e6:F1} MB, {works[work].Name,-13}", seconds[work], works[work].Adapters * cuts.Bytes);
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

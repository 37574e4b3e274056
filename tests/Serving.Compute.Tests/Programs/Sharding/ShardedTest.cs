using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Compute.Programs.Sharding;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Programs.Sharding;

/// <summary>A random program cut for several ranks, with every rank's weights taken out of the whole ones piece by piece.</summary>
internal sealed class ShardedTest
{
    /// <summary>Cuts a program.</summary>
    public ShardedTest(TestProgram test, int ranks)
    {
        Test = test;
        Shards = [.. Enumerable.Range(0, ranks).Select(rank => ProgramSharding.Create(test.Program, rank, ranks))];
        Weights = [.. Shards.Select(Cut)];
    }

    /// <summary>The whole program.</summary>
    public TestProgram Test { get; }

    /// <summary>By rank.</summary>
    public IReadOnlyList<ProgramShard> Shards { get; }

    /// <summary>By rank and weight.</summary>
    public IReadOnlyList<ushort[][]> Weights { get; }

    /// <summary>The ranks as one model in double precision, nothing rounded.</summary>
    public ReferenceModel ToReference(AdapterWeights? adapter) => new(
        [.. Shards.Select((shard, rank) => new ReferenceRank(shard.Program, Weights[rank], adapter is null ? null : AdapterSharding.Cut(adapter, shard), round: false))]);

    /// <summary>In pieces of a few rows, as a reader of shards would hand them on.</summary>
    private ushort[][] Cut(ProgramShard shard) => [.. Test.Program.Weights.Select(weight =>
    {
        const int PieceRows = 7;
        var (values, part) = (Test.Weights[weight.Index], shard.Weights[weight.Index]);
        var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
        var cut = new ushort[part.Length * part.Columns.Count];
        for (var row = 0; row < values.Length / width; row += PieceRows)
        {
            var piece = values.AsSpan(row * width, Math.Min(PieceRows * width, values.Length - (row * width)));
            foreach (var run in part.Runs)
            {
                var rows = part.Cut(run, width, row, piece, out var target);
                rows.CopyTo(cut.AsSpan(rows.Length == 0 ? 0 : target * part.Columns.Count));
            }
        }

        return cut;
    })];
}

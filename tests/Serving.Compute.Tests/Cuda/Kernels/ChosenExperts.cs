using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Which experts rows go through, and where the choices lie, by plain loops.</summary>
internal sealed class ChosenExperts
{
    /// <summary>Sorts choices.</summary>
    /// <param name="experts">Experts of a layer.</param>
    /// <param name="choices">Experts of each row, in the order of its choices.</param>
    /// <param name="tilePlaces">Places of a tile at most.</param>
    public ChosenExperts(int experts, int[][] choices, int tilePlaces)
    {
        (Experts, Choices) = (experts, choices);
        (int Expert, int Row, int Number)[] sorted =
            [.. choices.SelectMany((chosen, row) => chosen.Select((expert, i) => (expert, row, (row * chosen.Length) + i))).OrderBy(choice => choice.expert).ThenBy(choice => choice.row)];
        Rows = [.. sorted.Select(choice => choice.Row)];
        ExpertOfPlace = [.. sorted.Select(choice => choice.Expert)];
        Places = new int[sorted.Length];
        for (var place = 0; place < sorted.Length; place++)
        {
            Places[sorted[place].Number] = place;
        }

        Tiles = [.. sorted.Index().GroupBy(choice => choice.Item.Expert).SelectMany(group => group.Chunk(tilePlaces).Select(tile =>
            new ExpertTile { Expert = group.Key, FirstPlace = tile[0].Index, PlaceCount = tile.Length }))];
    }

    /// <summary>Experts of a layer.</summary>
    public int Experts { get; }

    /// <summary>Experts by row.</summary>
    public int[][] Choices { get; }

    /// <summary>Places by number of the choice.</summary>
    public int[] Places { get; }

    /// <summary>Rows by place.</summary>
    public int[] Rows { get; }

    /// <summary>Experts by place.</summary>
    public int[] ExpertOfPlace { get; }

    /// <summary>Places that go through one expert.</summary>
    public ExpertTile[] Tiles { get; }

    /// <summary>Rows that choose at random, of the first experts only so that others have none; all rows choose the last of these.</summary>
    public static ChosenExperts Draw(int rows, int experts, int perRow, int used, int tilePlaces, int seed = 5)
    {
        var random = new Random(seed);
        int[] others = [.. Enumerable.Range(0, used - 1)];
        return new ChosenExperts(experts, [.. Enumerable.Range(0, rows).Select(_ =>
        {
            random.Shuffle(others);
            int[] chosen = [used - 1, .. others.Take(perRow - 1)];
            random.Shuffle(chosen);
            return chosen;
        })], tilePlaces);
    }

    /// <summary>The tables on the device.</summary>
    public MixtureParameters Upload(KernelSession session, float[]? weights = null) => new()
    {
        Experts = session.Upload<int>([.. Choices.SelectMany(chosen => chosen)]),
        Weights = session.Upload<float>(weights ?? []),
        Places = session.Upload<int>(Places),
        Rows = session.Upload<int>(Rows),
        Tiles = session.Upload<ExpertTile>(Tiles),
        TileCount = session.Upload(Tiles.Length),
        RowCount = session.Upload(Choices.Length),
        ExpertCount = Experts,
        ChoiceCount = Choices[0].Length,
    };
}

using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>What rows choose, where their choices lie, and what comes back, held to plain loops.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class MixtureKernelTests
{
    /// <summary>Rows, experts, choices, different logits, blocks.</summary>
    public static TheoryData<int, int, int, int, int> Routes => new()
    {
        { 1, 1, 1, 1, 1 }, { 1, 128, 8, 1000, 1 }, { 3, 5, 5, 2, 1 }, { 33, 7, 2, 5, 1 }, { 40, 512, 16, 9, 2 }, { 70, 33, 8, 4, 2 }, { 300, 6, 1, 1, 3 }, { 300, 65, 2, 50, 12 },
    };

    /// <summary>The largest logits, ties to the lowest expert, zeros of both signs equal; the choices sorted; tiles that cover them. Some experts have no row; with one logit all rows choose the same.</summary>
    [Theory]
    [MemberData(nameof(Routes))]
    public void Route_AnyLogits_ChoosesAndSortsAsPlainLoops(int rows, int experts, int choices, int different, int blocks)
    {
        using var session = new KernelSession();
        var logits = Logits(rows, experts, different);
        foreach (var renormalize in (int[])[1, 0])
        {
            var tilePlaces = renormalize == 1 ? ExpertTile.FewPlaces : ExpertTile.MaxPlaces;
            var mixture = Tables(session, rows, experts, choices);
            session.Launch("srv_route", new CudaGrid(blocks), 1024, KernelSet.RouteSharedBytes, new RouteParameters
            {
                Mixture = mixture,
                Logits = session.Upload<float>(logits),
                Stride = Values.Stride(experts),
                Renormalize = renormalize,
            });
            session.Launch("srv_sort_choices", new CudaGrid(blocks), 512, KernelSet.SortSharedBytes, new SortParameters { Mixture = mixture, TilePlaces = tilePlaces });

            double[][] byRow = [.. Enumerable.Range(0, rows).Select(row => logits.Row(row, experts))];
            var expected = new ChosenExperts(experts, [.. byRow.Select(row => Enumerable.Range(0, experts).OrderByDescending(expert => row[expert]).Take(choices).ToArray())], tilePlaces);
            Assert.Equal(expected.Choices.SelectMany(chosen => chosen), session.Download<int>(mixture.Experts, rows * choices));
            Assert.Equal(expected.Places, session.Download<int>(mixture.Places, rows * choices));
            Assert.Equal(expected.Rows, session.Download<int>(mixture.Rows, rows * choices));
            Assert.Equal(expected.Tiles.Length, session.Download<int>(mixture.TileCount, 1)[0]);
            Assert.Equal(expected.Tiles, session.Download<ExpertTile>(mixture.Tiles, expected.Tiles.Length));
            var weights = session.Download<float>(mixture.Weights, rows * choices);
            for (var number = 0; number < weights.Length; number++)
            {
                var row = byRow[number / choices];
                var chosen = expected.Choices[number / choices];
                var total = renormalize == 1 ? chosen.Sum(expert => Math.Exp(row[expert])) : row.Sum(Math.Exp);
                Values.AssertClose(Math.Exp(row[chosen[number % choices]]) / total, weights[number], 2e-6, $"choice {number}");
            }
        }
    }

    /// <summary>One launch for few rows leaves what the two do.</summary>
    [Theory]
    [InlineData(1, 128, 8, 1000)]
    [InlineData(3, 5, 5, 2)]
    [InlineData(32, 7, 1, 1)]
    [InlineData(32, 512, 16, 9)]
    public void RouteFew_AnyLogits_LeavesWhatTheTwoDo(int rows, int experts, int choices, int different)
    {
        using var session = new KernelSession();
        var (two, one) = (Tables(session, rows, experts, choices), Tables(session, rows, experts, choices));
        var parameters = new RouteParameters { Mixture = two, Logits = session.Upload<float>(Logits(rows, experts, different)), Stride = Values.Stride(experts), Renormalize = 0 };
        session.Launch("srv_route", new CudaGrid(1), 1024, KernelSet.RouteSharedBytes, parameters);
        session.Launch("srv_sort_choices", new CudaGrid(1), 512, KernelSet.SortSharedBytes, new SortParameters { Mixture = two, TilePlaces = ExpertTile.FewPlaces });
        session.Launch("srv_route_few", new CudaGrid(1), 1024, KernelSet.RouteFewSharedBytes, parameters with { Mixture = one });
        var (tiles, choicesOfAll) = (session.Download<int>(two.TileCount, 1)[0], rows * choices);
        Assert.Equal(tiles, session.Download<int>(one.TileCount, 1)[0]);
        Assert.Equal(session.Download<ExpertTile>(two.Tiles, tiles), session.Download<ExpertTile>(one.Tiles, tiles));
        Assert.Equal(session.Download<float>(two.Weights, choicesOfAll), session.Download<float>(one.Weights, choicesOfAll));
        foreach (var (left, right) in new[] { (two.Experts, one.Experts), (two.Places, one.Places), (two.Rows, one.Rows) })
        {
            Assert.Equal(session.Download<int>(left, choicesOfAll), session.Download<int>(right, choicesOfAll));
        }
    }

    /// <summary>Launched right behind each other, before the one ahead has ended where the device can: none reads before it has waited, of bf16 or of integers.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Mixture_LaunchedBehindWhatItReads_HasTheBitsOfTurns(bool integers)
    {
        using var session = new KernelSession();
        const int Rows = 5;
        const int Width = 72;
        var mixture = Tables(session, Rows, experts: 6, choices: 2);
        var logits = Logits(Rows, 6, 50);
        var copy = new SumPlanesParameters
        {
            Input = session.Upload<float>(logits),
            Output = session.Upload<float>(new float[logits.Length]),
            RowCount = mixture.RowCount,
            Columns = 6,
            Planes = 1,
            InputStride = 8,
            OutputStride = 8,
        };
        var experts = new ExpertsParameters
        {
            Mixture = mixture,
            Weight = integers ? session.Upload<byte>(new IntegerOperand(WeightFormat.Int8, 6 * Width, Width, 3).Strips(6)) : session.Upload<ushort>(Values.Random(6 * Width, Width, 1, 3).ToBFloat16()),
            Input = session.Upload<ushort>(Values.Random(Rows, Width, 1, 4).ToBFloat16()),
            Output = session.Upload<float>(new float[Rows * 2 * Width]),
            Outputs = Width,
            Inputs = Width,
            WeightStride = Width,
            InputStride = Width,
            OutputStride = Width,
            ByRow = 1,
            Mode = 1,
            Activation = ExpertsParameters.NoActivation,
        };
        var combine = new CombineParameters { Mixture = mixture, Input = experts.Output, Output = session.Upload<float>(new float[Rows * Width]), Columns = Width, InputStride = Width, OutputStride = Width, Accumulate = 1 };
        Action<KernelSession>[] chain =
        [
            on => on.Queue("srv_sum_planes", new CudaGrid(Rows), 256, 0, copy),
            on => on.Queue("srv_route_few", new CudaGrid(1), 1024, KernelSet.RouteFewSharedBytes, new RouteParameters { Mixture = mixture, Logits = copy.Output, Stride = 8, Renormalize = 1 }),
            on => on.Queue(integers ? "srv_experts_few_int8" : "srv_experts_few", new CudaGrid(3), 256, integers ? KernelSet.IntegerProductSharedBytes : KernelSet.ExpertsFewSharedBytes, experts),
            on => on.Queue("srv_combine", new CudaGrid(Rows), 256, 0, combine),
        ];
        Array.ForEach(chain, queue =>
        {
            queue(session);
            session.Settle();
        });
        var turns = session.Download<float>(combine.Output, Rows * Width);
        session.Write<float>(copy.Output, new float[logits.Length]);
        session.Write<float>(experts.Output, new float[Rows * 2 * Width]);
        session.Write<float>(combine.Output, new float[Rows * Width]);
        session.Write<int>(mixture.TileCount, [0]);
        Array.ForEach(chain, queue => queue(session));
        session.Settle();
        Assert.Equal(turns, session.Download<float>(combine.Output, Rows * Width));
        Assert.Contains(turns, value => value != 0);
    }

    /// <summary>A row without a number in it goes through as many experts as any other, each of them once, and leaves the others' alone.</summary>
    [Fact]
    public void Route_NoNumbers_ChoosesExpertsAllTheSame()
    {
        using var session = new KernelSession();
        float[] logits = [float.NaN, float.NaN, float.NaN, float.NaN, 0, 0, 0, 0, 1, float.NaN, float.NegativeInfinity, 2, 0, 0, 0, 0];
        var mixture = Tables(session, rows: 2, experts: 4, choices: 3);
        var parameters = new RouteParameters { Mixture = mixture, Logits = session.Upload<float>(logits), Stride = 8, Renormalize = 1 };
        session.Launch("srv_route", new CudaGrid(1), 1024, KernelSet.RouteSharedBytes, parameters);
        Assert.Equal([0, 1, 2, 3, 0, 2], session.Download<int>(mixture.Experts, 6));
    }

    /// <summary>Rows, columns, choices, blocks.</summary>
    public static TheoryData<int, int, int, int> Combines => new() { { 1, 1, 1, 1 }, { 3, 101, 2, 2 }, { 9, 1030, 8, 5 }, { 40, 72, 16, 7 }, { 2, 36, 3, 3 } };

    /// <summary>From zero in the order of choices, fused, then onto the residual stream: the bits of a chain. A rank's part of a sum is the chain alone, whatever lay there before.</summary>
    [Theory]
    [MemberData(nameof(Combines))]
    public void Combine_AnySize_IsTheChain(int rows, int columns, int choices, int blocks)
    {
        using var session = new KernelSession();
        var chosen = ChosenExperts.Draw(rows, 20, choices, used: 18, ExpertTile.FewPlaces);
        var weights = Values.Random(1, rows * choices, 1, 2)[..(rows * choices)];
        var (parts, before, stride) = (Values.Random(rows * choices, columns, 1, 3), Values.Random(rows, columns, 1, 4), Values.Stride(columns));
        foreach (var accumulate in new[] { 0, 1 })
        {
            var parameters = new CombineParameters
            {
                Mixture = chosen.Upload(session, weights),
                Input = session.Upload<float>(parts),
                Output = session.Upload<float>(before),
                Columns = columns,
                InputStride = stride,
                OutputStride = stride,
                Accumulate = accumulate,
            };
            session.Launch("srv_combine", new CudaGrid(blocks), 256, 0, parameters);
            var y = session.Download<float>(parameters.Output, rows * stride);
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var sum = Enumerable.Range(row * choices, choices).Aggregate(0f, (total, number) => MathF.FusedMultiplyAdd(weights[number], parts[(chosen.Places[number] * stride) + column], total));
                    Assert.Equal(accumulate == 0 ? sum : before[(row * stride) + column] + sum, y[(row * stride) + column]);
                }
            }
        }
    }

    /// <summary>Rows, columns, choices, blocks.</summary>
    public static TheoryData<int, int, int, int> Dispatches => new() { { 1, 1, 1, 1 }, { 9, 101, 2, 3 }, { 5, 1032, 8, 50 } };

    /// <summary>Every place has its row, and no more than its columns are written.</summary>
    [Theory]
    [MemberData(nameof(Dispatches))]
    public void Dispatch_AnySize_CopiesTheRows(int rows, int columns, int choices, int blocks)
    {
        using var session = new KernelSession();
        var chosen = ChosenExperts.Draw(rows, 9, choices, used: 8, ExpertTile.FewPlaces);
        var (x, stride) = (Values.Random(rows, columns, 1, 3).ToBFloat16(), Values.Stride(columns));
        var parameters = new DispatchParameters
        {
            Mixture = chosen.Upload(session),
            Input = session.Upload<ushort>(x),
            Output = session.Upload<ushort>(new ushort[rows * choices * stride]),
            Columns = columns,
            InputStride = stride,
            OutputStride = stride,
        };
        session.Launch("srv_dispatch", new CudaGrid(blocks), 128, 0, parameters);
        var y = session.Download<ushort>(parameters.Output, rows * choices * stride);
        for (var i = 0; i < y.Length; i++)
        {
            Assert.Equal(i % stride < columns ? x[(chosen.Rows[i / stride] * stride) + (i % stride)] : 0, y[i]);
        }
    }

    private static float[] Logits(int rows, int experts, int different)
    {
        var random = new Random(experts);
        return Values.Matrix(rows, experts, (_, _) => random.Next(different) - (different / 2) is not 0 and var value ? value * 6f / different : random.Next(2) == 0 ? 0f : -0f);
    }

    private static MixtureParameters Tables(KernelSession session, int rows, int experts, int choices) => new()
    {
        Experts = session.Allocate<int>(rows * choices),
        Weights = session.Allocate<float>(rows * choices),
        Places = session.Allocate<int>(rows * choices),
        Rows = session.Allocate<int>(rows * choices),
        Marks = session.Allocate<uint>((rows + MixtureParameters.RouteRows - 1) / MixtureParameters.RouteRows * experts),
        Tiles = session.Allocate<ExpertTile>((rows * choices / ExpertTile.FewPlaces) + experts),
        TileCount = session.Allocate<int>(1),
        RowCount = session.Upload(rows),
        ExpertCount = experts,
        ChoiceCount = choices,
    };
}

using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Vectors;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The sampling kernel by itself: the vector file that tests every backend, and what it does not have. The one for small vocabularies gives the same bits everywhere.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class SampleKernelTests
{
    [Fact]
    public void Sample_VectorFile_IsEqual() => AssertVectors((_, _) => true);

    /// <summary>The cases of the vector file that are wanted, by themselves or by their number.</summary>
    internal static void AssertVectors(Func<SamplingCase, int, bool> wanted)
    {
        var vectors = SamplingVectors.Read();
        var rows = vectors.Logits.ToDictionary(set => set.Name, set => set.Expand(vectors.Vocabulary).Select(value => (float)value).ToArray());
        var cases = vectors.Cases.Where(wanted).ToList();
        var outputs = Run(
            Values.Matrix(cases.Count, vectors.Vocabulary, (row, id) => rows[cases[row].Logits][id]),
            vectors.Vocabulary,
            [.. cases.Select(test => new Case(test.ToRow()) { Penalties = test.ToPenalties(), Biases = test.ToBiases(), Mask = test.ToMask(vectors.Vocabulary) })]);
        for (var i = 0; i < cases.Count; i++)
        {
            var test = cases[i];
            var what = $"{test.Logits}, {test.Name}, seed {test.Seed}";
            Assert.True(test.Token == outputs.TokenIds[i], $"{what}: expected token {test.Token}, got {outputs.TokenIds[i]}");
            Values.AssertClose(test.Logprob, outputs.Logprobs[i], 1e-4, what);
            for (var k = 0; k < (test.TopIds?.Count ?? 0); k++)
            {
                Assert.Equal(test.TopIds![k], outputs.TopIds[(i * SampleRow.MaxTopLogprobs) + k]);
                Values.AssertClose(test.TopLogprobs![k], outputs.TopLogprobs[(i * SampleRow.MaxTopLogprobs) + k], 1e-4, what);
            }
        }
    }

    /// <summary>A token that is named twice gets both biases.</summary>
    [Fact]
    public void Sample_BiasNamedTwice_AddsBoth()
    {
        TokenBias[] biases = [new() { Token = 4, Bias = 3 }, new() { Token = 9, Bias = 5 }, new() { Token = 4, Bias = 3 }];
        var row = new SampleRow { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };
        Assert.Equal(4, Run(Values.Matrix(1, 50, (_, _) => 0), 50, [new Case(row) { Biases = biases }]).TokenIds[0]);
    }

    /// <summary>Penalties come after biases, whatever threads they belong to: 4 is halved, so that 3 is more. Without the biases before it, it would stay 4.</summary>
    [Fact]
    public void Sample_BiasThenPenalty_KeepsTheOrder()
    {
        TokenBias[] biases = [new() { Token = 5, Bias = 0.5f }, new() { Token = 9, Bias = 4 }, new() { Token = 7, Bias = 3 }];
        PenaltyToken[] penalties = [new() { Token = 9 }, new() { Token = 5 }];
        var row = new SampleRow { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 2 };
        var test = new Case(row) { Penalties = penalties, Biases = biases };
        Assert.All(Run(Values.Matrix(20, 50, (_, _) => 0), 50, [.. Enumerable.Repeat(test, 20)]).TokenIds, token => Assert.Equal(7, token));
    }

    /// <summary>A pending token counts as one output more than the entries say, with an entry (of the prompt, of the output) and without one, and only where there are penalties.</summary>
    [Fact]
    public void Sample_PendingToken_IsCountedOnceMore()
    {
        var logits = Values.Matrix(1, 50, (_, id) => id switch { 9 => 4, 5 => 2, _ => 0 });
        var once = new SampleRow { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1, FrequencyPenalty = 1.5f, PresencePenalty = 0.6f };
        var twice = once with { FrequencyPenalty = 1, PresencePenalty = 0.5f }; // One output leaves 9 the largest, the second does not.
        PenaltyToken[] prompt = [new() { Token = 9 }];
        PenaltyToken[] output = [new() { Token = 9, OutputCount = 1 }];
        PenaltyToken[] other = [new() { Token = 3, OutputCount = 7 }];
        (Case Case, int Token)[] rows =
        [
            (new(once) { Penalties = prompt }, 9), (new(once) { Penalties = prompt, Pending = 9 }, 5), (new(once) { Penalties = prompt, Pending = 5 }, 9),
            (new(twice) { Penalties = prompt, Pending = 9 }, 9), (new(twice) { Penalties = output }, 9), (new(twice) { Penalties = output, Pending = 9 }, 5),
            (new(once) { Penalties = other }, 9), (new(once) { Penalties = other, Pending = 9 }, 5), (new(twice) { Penalties = other, Pending = 9 }, 9),
            (new(once) { Pending = 9 }, 9),
        ];
        Case[] cases = [.. rows.Select(row => row.Case)];
        var outputs = Run([.. Enumerable.Repeat(logits, cases.Length).SelectMany(values => values)], 50, cases);
        Assert.Equal(rows.Select(row => row.Token), outputs.TokenIds);
    }

    /// <summary>
    /// The top logprobs are the first of the row, higher ones first and lower ids first among equals, with the normaliser of the row's own token: random rows, rows with
    /// many equals, ascending and descending ones, rows of minus infinity; as many as are asked for.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(257)]
    [InlineData(4103)]
    public void TopLogprobs_AnyRow_AreTheFirst(int vocabulary)
    {
        int[] wanted = [0, 1, 5, 20];
        var random = new Random(vocabulary);
        var draws = Enumerable.Range(0, 2 * vocabulary).Select(_ => (float)random.NextDouble() * 20).ToArray();
        Func<int, float>[] shapes =
        [
            id => draws[id],
            id => MathF.Floor(draws[vocabulary + id] / 5),
            id => id * 0.001f,
            id => id * -0.001f,
            _ => 3,
            id => id % 97 == 5 || vocabulary < 6 ? draws[id] : float.NegativeInfinity,
        ];
        var logits = Values.Matrix(shapes.Length * wanted.Length, vocabulary, (row, id) => shapes[row / wanted.Length](id));
        var cases = Enumerable.Range(0, shapes.Length * wanted.Length)
            .Select(row => new Case(new SampleRow { TargetToken = vocabulary / 2, TopLogprobs = wanted[row % wanted.Length], TopP = 1, RepetitionPenalty = 1 })).ToList();
        var outputs = Run(logits, vocabulary, cases);
        for (var row = 0; row < cases.Count; row++)
        {
            var values = logits.Row(row, vocabulary);
            var count = Math.Min(wanted[row % wanted.Length], vocabulary);
            var expected = Enumerable.Range(0, vocabulary).OrderByDescending(id => values[id]).ThenBy(id => id).Take(count).ToArray();
            Assert.Equal(expected, outputs.TopIds.AsSpan(row * SampleRow.MaxTopLogprobs, count).ToArray());
            var normaliser = Math.Log(values.Sum(value => Math.Exp(value - values.Max()))) + values.Max();
            for (var i = 0; i < count; i++)
            {
                var logprob = outputs.TopLogprobs[(row * SampleRow.MaxTopLogprobs) + i];
                Assert.True(expected[i] != vocabulary / 2 || logprob == outputs.Logprobs[row], $"row {row}: one token has two logprobs, {logprob} and {outputs.Logprobs[row]}");
                if (!double.IsNegativeInfinity(values[expected[i]]))
                {
                    Values.AssertClose(values[expected[i]] - normaliser, logprob, 1e-4, $"row {row}, place {i}");
                }
            }
        }
    }

    /// <summary>Among equals the lowest ids are kept, whatever thread they belong to, and in whichever turn of it.</summary>
    [Theory]
    [InlineData(0.3f, 0, 1000, 300)]
    [InlineData(1f, 300, 1000, 300)]
    [InlineData(0.6f, 0, 9000, 5400)]
    public void Sample_EqualProbabilities_KeepsTheLowestIds(float topP, int topK, int vocabulary, int kept)
    {
        var rows = Enumerable.Range(0, 40).Select(seed => new SampleRow
        {
            TargetToken = -1,
            TopLogprobs = -1,
            TopP = topP,
            TopK = topK,
            Temperature = 1,
            RepetitionPenalty = 1,
            Seed = (ulong)seed,
        });
        var outputs = Run(Values.Matrix(40, vocabulary, (_, _) => 2), vocabulary, [.. rows.Select(row => new Case(row))]);
        Assert.All(outputs.TokenIds, id => Assert.InRange(id, 0, kept - 1));
        Assert.Contains(outputs.TokenIds, id => id > kept * 0.9);
    }

    private static StepOutputs Run(float[] logits, int vocabulary, IReadOnlyList<Case> cases)
    {
        using var session = new KernelSession();
        var penalties = new List<PenaltyToken>();
        var biases = new List<TokenBias>();
        var masks = new List<uint>();
        var rows = cases.Select((test, index) =>
        {
            var row = test.Row;
            row.Row = cases.Count - 1 - index;
            (row.FirstPenalty, row.PenaltyCount) = (penalties.Count, test.Penalties.Count);
            (row.FirstBias, row.BiasCount) = (biases.Count, test.Biases.Count);
            (row.FirstMask, row.MaskWords) = (masks.Count, test.Mask.Count);
            masks.AddRange(test.Mask);
            penalties.AddRange(test.Penalties);
            biases.AddRange(test.Biases);
            return row;
        }).ToArray();
        var parameters = new SampleParameters
        {
            Logits = session.Upload<float>(logits),
            SampleRows = session.Upload<SampleRow>(rows),
            Penalties = session.Upload<PenaltyToken>([.. penalties]),
            Biases = session.Upload<TokenBias>([.. biases]),
            Masks = session.Upload<uint>([.. masks]),
            Pending = session.Upload<int>([.. cases.Reverse().Select(test => test.Pending)]),
            OutputCount = session.Upload(rows.Length),
            Vocabulary = vocabulary,
            LogitsStride = Values.Stride(vocabulary),
        };
        var outputs = Launch("srv_sample", 1024);
        if (PlantedKernel.Current is null)
        {
            var small = Launch("srv_sample_small", 128);
            Assert.Equal(outputs.TokenIds, small.TokenIds);
            Assert.Equal(outputs.Logprobs, small.Logprobs);
            Assert.Equal(outputs.TopIds, small.TopIds);
            Assert.Equal(outputs.TopLogprobs, small.TopLogprobs);
        }

        return outputs;

        StepOutputs Launch(string kernel, int threads)
        {
            var written = new StepOutputs(new StepLimits(rows.Length, 1, rows.Length, 1), vocabulary);
            var mine = parameters with
            {
                Scratch = session.Allocate<float>(logits.Length),
                TokenIds = session.Allocate<int>(written.TokenIds.Length),
                Logprobs = session.Upload<float>(written.Logprobs),
                TopIds = session.Upload<int>(written.TopIds),
                TopLogprobs = session.Upload<float>(written.TopLogprobs),
            };
            session.Launch(kernel, new CudaGrid(7), threads, KernelSet.SampleSharedBytes, mine);
            session.Download<int>(mine.TokenIds, rows.Length).CopyTo(written.TokenIds, 0);
            session.Download<float>(mine.Logprobs, rows.Length).CopyTo(written.Logprobs, 0);
            session.Download<int>(mine.TopIds, written.TopIds.Length).CopyTo(written.TopIds, 0);
            session.Download<float>(mine.TopLogprobs, written.TopLogprobs.Length).CopyTo(written.TopLogprobs, 0);
            return written;
        }
    }

    /// <summary>A row and what its ranges hold.</summary>
    private sealed record Case(SampleRow Row)
    {
        public IReadOnlyList<PenaltyToken> Penalties { get; init; } = [];

        public IReadOnlyList<TokenBias> Biases { get; init; } = [];

        public IReadOnlyList<uint> Mask { get; init; } = [];

        public int Pending { get; init; } = -1;
    }
}

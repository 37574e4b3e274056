using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <summary>
/// What every backend must hold, part one: its results are those of the formulas. A backend's test project derives one class per instruction set.
/// </summary>
public abstract partial class BackendContract
{
    /// <summary>An output that scores nothing and reports no logprobs: the raw logits are what is looked at.</summary>
    protected static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    /// <summary>The backend under test.</summary>
    protected abstract BackendFactory Factory { get; }

    /// <summary>Shapes with every head grouping and head size, widths that are no multiple of anything, and every optional part.</summary>
    public static TheoryData<string> Shapes => [.. ShapeTable.Keys];

    /// <summary>What a few roundings to the other side amount to, as a part of the logits' spread: of what is rounded to eight bits they amount to more than of bf16.</summary>
    private double RoundingTolerance => Adjust(new TestShape()) is { Format: WeightFormat.BFloat16, KeyValues: KeyValueFormat.BFloat16 } ? 0.03 : 0.07;

    /// <summary>The table behind <see cref="Shapes"/>.</summary>
    protected static IReadOnlyDictionary<string, TestShape> ShapeTable { get; } = new Dictionary<string, TestShape>
    {
        ["llama"] = new TestShape(),
        ["untied"] = new TestShape { Tied = false, Vocabulary = 130 },
        ["qwen2"] = new TestShape { Bias = true, Heads = 7, KvHeads = 1, HeadSize = 64 },
        ["qwen3"] = new TestShape { HeadNorm = true, Heads = 8, KvHeads = 1, HeadSize = 128 },
        ["head80"] = new TestShape { Heads = 3, KvHeads = 3, HeadSize = 80, Hidden = 240, Intermediate = 200 },
        ["odd"] = new TestShape { Hidden = 100, Intermediate = 70, Heads = 6, KvHeads = 2, HeadSize = 18, Vocabulary = 33, Bias = true },
        ["gemma2"] = TestShape.Gemma2,
        ["gemma3"] = TestShape.Gemma3,
        ["olmo"] = TestShape.Olmo3,
        ["hunyuan"] = new TestShape { HeadNorm = true, NormsTurned = true, HeadSize = 64, Layers = 1 },
        ["layer norms"] = TestShape.LayerNorms,
        ["wide"] = new TestShape { Hidden = 576, Intermediate = 300, Layers = 1, Heads = 9, KvHeads = 3, HeadSize = 64, Vocabulary = 1100 },
    };

    /// <summary>A shape of the table as this backend can run it.</summary>
    protected virtual TestShape Adjust(TestShape shape) => shape;

    /// <summary>The root mean square of logits.</summary>
    protected static double Spread(double[] logits) => Math.Sqrt(logits.Average(value => value * value));

    /// <summary>A shape of the table, adjusted.</summary>
    protected TestShape ShapeOf(string name) => Adjust(ShapeTable[name]);

    /// <summary>All positions of one sequence against the double-precision pass, with an adapter on every projection and without.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Execute_WholeSequence_MatchesReference(string shape)
    {
        var test = TestProgram.Create(ShapeOf(shape));
        using var session = new BackendSession(Factory, test);
        var adapter = test.CreateAdapter(5, slice => 1 + (slice.Index * 5 % 23));
        var slot = session.AddAdapter(adapter);
        int[] tokens = [.. Enumerable.Range(0, 41).Select(i => i * 37 % test.Shape.Vocabulary)];
        foreach (var (weights, adapterSlot) in new[] { (null, -1), (adapter, slot) })
        {
            session.Inputs.Clear();
            new TestSequence(session, adapterSlot).AddChunk(tokens, every: Greedy);
            session.Execute();
            var expected = SharedReference.Of(test, weights, Factory.Rounds, tokens, $"whole sequence, adapter {weights is not null}").Logits;
            for (var i = 0; i < tokens.Length; i++)
            {
                AssertClose(expected[i], session.Logits(i), $"{shape} position {i} adapter {adapterSlot}");
            }
        }
    }

    /// <summary>
    /// Experts, with an adapter on attention and without. Of random models the first is taken in which no choice is so close that roundings could make it another, since
    /// then the rest is another model.
    /// </summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Execute_Mixture_MatchesReference(bool renormalize, bool gptOss)
    {
        var shape = gptOss ? TestShape.GptOss : TestShape.Mixture with { Renormalize = renormalize, Shared = renormalize ? 0 : 52 };
        for (var seed = 1; ; seed++)
        {
            var test = TestProgram.Create(Adjust(shape), seed);
            var adapter = test.CreateAdapter(5, slice => 1 + (slice.Index * 5 % 23));
            int[] tokens = Tokens(test, gptOss ? 24 : 12, seed);
            SharedReference.Result[] references =
                [.. new[] { null, adapter }.Select(weights => SharedReference.Of(test, weights, Factory.Rounds, tokens, $"mixture, seed {seed}, adapter {weights is not null}"))];
            if (references.Min(reference => reference.ClosestChoice) < 0.04)
            {
                continue;
            }

            using var session = new BackendSession(Factory, test);
            int[] slots = [-1, session.AddAdapter(adapter)];
            for (var i = 0; i < slots.Length; i++)
            {
                session.Inputs.Clear();
                new TestSequence(session, slots[i]).AddChunk(tokens, every: Greedy);
                session.Execute();
                for (var position = 0; position < tokens.Length; position++)
                {
                    AssertClose(references[i].Logits[position], session.Logits(position), $"seed {seed} position {position} adapter {slots[i]}");
                }
            }

            return;
        }
    }

    /// <summary>Contexts that end before, at and behind the boundaries of attention's blocks of 32 and splits of 512, computed in one chunk and token by token.</summary>
    [Fact]
    public void Execute_ContextOverSplits_MatchesReference() => CompareLong(new TestShape(), [30, 31, 32, 510, 511, 512, 543, 544, 1022, 1023, 1024, 1059], stepwise: 1022);

    /// <summary>So with sinks, in a layer without a window and in one whose window lies in the last split.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    public void Execute_Sinks_MatchReference(int window) =>
        CompareLong(new TestShape { Oss = true, Window = window }, [0, 1, 31, 32, 511, 512, 1022, 1023, 1024, 1059], stepwise: 1055);

    /// <summary>
    /// Windows whose ends lie before, at and behind the boundaries of blocks and splits, shorter than a block and longer than a split, computed in one chunk, and stepwise
    /// where whole splits lie before the window.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(33)]
    [InlineData(512)]
    [InlineData(545)]
    public void Execute_Window_MatchesReference(int window) =>
        CompareLong(new TestShape { Window = window }, [0, 31, 32, 33, 511, 512, 543, 544, 545, 576, 1022, 1023, 1024, 1056, 1057, 1059], stepwise: 1055);

    private void CompareLong(TestShape shape, int[] positions, int stepwise)
    {
        var window = shape.Window;
        var test = TestProgram.Create(Adjust(shape with { Hidden = 32, Intermediate = 48, Layers = 1, Heads = 2, KvHeads = 1 }));
        using var session = new BackendSession(Factory, test, maxRows: 1200);
        int[] tokens = Tokens(test, 1060, 8);
        var expected = SharedReference.Of(test, null, Factory.Rounds, tokens, "long").Logits;
        session.Inputs.Clear();
        new TestSequence(session).AddChunk(tokens, every: Greedy, ordinals: positions);
        session.Execute();
        for (var i = 0; i < positions.Length; i++)
        {
            AssertClose(expected[positions[i]], session.Logits(i), $"window {window}, position {positions[i]}");
        }

        var sequence = new TestSequence(session);
        session.Inputs.Clear();
        sequence.AddChunk(tokens[..stepwise]);
        session.Execute();
        for (var position = stepwise; position < stepwise + 5; position++)
        {
            session.Inputs.Clear();
            sequence.AddChunk([tokens[position]], last: Greedy);
            session.Execute();
            AssertClose(expected[position], session.Logits(0), $"window {window}, position {position}, stepwise");
        }
    }

    /// <summary>Logits agree: closely where nothing is rounded, within what a few roundings to the other side amount to elsewhere.</summary>
    protected void AssertClose(double[] expected, float[] actual, string what) => AssertClose(expected, actual, what, Factory.Rounds ? RoundingTolerance : 2e-5);

    /// <summary>Logits agree within a part of their spread.</summary>
    protected static void AssertClose(double[] expected, float[] actual, string what, double part)
    {
        var tolerance = part * Spread(expected);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{what}, logit {i}: expected {expected[i]}, got {actual[i]}, tolerance {tolerance}");
        }
    }
}

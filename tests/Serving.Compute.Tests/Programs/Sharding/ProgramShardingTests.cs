using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Programs.Sharding;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Programs.Sharding;

/// <summary>A program cut for several ranks computes what the whole one does.</summary>
public sealed class ProgramShardingTests
{
    private static readonly IReadOnlyDictionary<string, (TestShape Shape, int Ranks)> Cases = new Dictionary<string, (TestShape, int)>
    {
        ["llama"] = (new TestShape(), 2),
        ["untied"] = (new TestShape { Tied = false, Vocabulary = 130 }, 2),
        ["biased"] = (new TestShape { Bias = true, Heads = 4, KvHeads = 2, HeadSize = 8 }, 2),
        ["normed"] = (new TestShape { HeadNorm = true, Heads = 8, KvHeads = 4, HeadSize = 8 }, 4),
        ["odd"] = (new TestShape { Hidden = 100, Intermediate = 70, Heads = 6, KvHeads = 3, HeadSize = 18, Vocabulary = 33, Bias = true }, 3),
        ["odd untied"] = (new TestShape { Hidden = 100, Intermediate = 52, Heads = 4, KvHeads = 4, HeadSize = 10, Vocabulary = 59, Tied = false }, 4),
        ["gemma2"] = (TestShape.Gemma2, 2),
        ["gemma3"] = (TestShape.Gemma3 with { KvHeads = 2 }, 2),
        ["sinks"] = (new TestShape { Oss = true, Heads = 4, KvHeads = 2 }, 2),
        ["layer norms"] = (TestShape.LayerNorms with { HeadNorm = false }, 2),
        ["mixture"] = (TestShape.Mixture, 2),
        ["odd mixture"] = (TestShape.Mixture with { Heads = 6, KvHeads = 3, HeadSize = 10, Hidden = 100, Renormalize = false }, 3),
        ["gpt-oss"] = (TestShape.GptOss with { KvHeads = 2 }, 2),
        ["alone"] = (new TestShape { Layers = 1 }, 1),
    };

    /// <summary>Names of the cases.</summary>
    public static TheoryData<string> CaseNames => [.. Cases.Keys];

    /// <summary>Without any rounding, so that nothing is left of a difference but the order of sums; on every rank.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Create_AllRanksTogether_ComputeTheWhole(string name)
    {
        var (shape, ranks) = Cases[name];
        var test = WithOutputBias(TestProgram.Create(shape));
        var sharded = new ShardedTest(test, ranks);
        var adapter = test.CreateAdapter(5, slice => slice.Index % 4 == 3 ? 0 : 1 + (slice.Index * 5 % 23));
        int[] tokens = [.. Enumerable.Range(0, 9).Select(i => i * 37 % shape.Vocabulary)];
        int[] positions = [.. Enumerable.Range(0, tokens.Length)];
        foreach (var weights in new[] { null, adapter })
        {
            var expected = new ReferenceModel(test, weights, round: false).Run(tokens, positions);
            foreach (var logits in sharded.ToReference(weights).RunAll(tokens, positions))
            {
                for (var row = 0; row < tokens.Length; row++)
                {
                    Assert.Equal(shape.Vocabulary, logits[row].Length);
                    Assert.All(logits[row].Zip(expected[row]), pair => Assert.Equal(pair.Second, pair.First, 1e-9));
                }
            }
        }
    }

    /// <summary>A page holds a rank's heads only, and every rank computes with heads and columns of its own.</summary>
    [Fact]
    public void Create_TwoRanks_HaveHalfTheHeads()
    {
        var program = TestProgram.Create(new TestShape { HeadSize = 64 }).Program;
        var shape = ProgramSharding.Create(program, 1, 2).Program.Shape;
        Assert.Equal((2, 1, 48), (shape.HeadCount, shape.KvHeadCount, shape.IntermediateSize));
        Assert.Equal(program.Shape.PageBytes, 2 * shape.PageBytes);
    }

    /// <summary>A rank keeps half of an adapter, whatever the adapter's rank, where widths are whole cells.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(24)]
    public void Create_TwoRanks_KeepHalfOfAnAdaptersCells(int rank)
    {
        var test = TestProgram.Create(new TestShape { Hidden = 256, Intermediate = 512, HeadSize = 128, Layers = 1 });
        (int, int)[] ranks = [.. test.Program.Slices.Select(slice => (slice.Index, rank))];
        var whole = AdapterLayout.Create(test.Program.Slices, ranks, 1 << 20).CellCount;
        var half = AdapterLayout.Create(ProgramSharding.Create(test.Program, 0, 2).Program.Slices, ranks, 1 << 20).CellCount;
        Assert.Equal(whole, 2 * half);
    }

    /// <summary>A backend without ranks does not take a part for a whole.</summary>
    [Fact]
    public void Create_PartOnABackendWithoutRanks_IsRefused()
    {
        var part = ProgramSharding.Create(TestProgram.Create(new TestShape()).Program, 0, 2).Program;
        using var backend = new ManagedBackend(part, new ManagedBackendOptions { Threads = 1 });
        var error = Assert.Throws<ArgumentException>(() => backend.AllocatePool(new PoolShape(4, backend.PageBytes, 1), new StepLimits(2, 2, 2, 64)));
        Assert.Contains(nameof(AllReduceOp), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", 4, "key/value heads")]
    [InlineData("normed", 3, "key/value heads")]
    public void Supports_HeadsThatDoNotDivide_SaysSo(string name, int ranks, string words)
    {
        Assert.False(ProgramSharding.Supports(TestProgram.Create(Cases[name].Shape).Program, ranks, out var reason));
        Assert.Contains(words, reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Supports_SizesTooSmall_SaysWhich()
    {
        var wide = new TestShape { Heads = 16, KvHeads = 16, HeadSize = 4, Hidden = 128, Intermediate = 128, Vocabulary = 128 };
        Assert.Contains("hidden", ReasonFor(wide with { Hidden = 60 }), StringComparison.Ordinal);
        Assert.Contains("intermediate", ReasonFor(wide with { Intermediate = 60 }), StringComparison.Ordinal);
        Assert.Contains("vocabulary", ReasonFor(wide with { Vocabulary = 60 }), StringComparison.Ordinal);
        Assert.Empty(ReasonFor(wide));
    }

    /// <summary>A Linear that no slice names a projection of could be cut in no known way.</summary>
    [Fact]
    public void Supports_LinearWithoutProjections_IsRefused()
    {
        var program = TestProgram.Create(new TestShape()).Program;
        program = program with { Ops = [.. program.Ops.Select(op => op is LinearOp linear ? linear with { Slices = [] } : op)] };
        Assert.False(ProgramSharding.Supports(program, 2, out var reason));
        Assert.Contains("qkv", reason, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ProgramSharding.Create(program, 0, 2));
    }

    /// <summary>Experts may be narrower than an MLP of the same model.</summary>
    [Fact]
    public void Supports_ExpertsTooNarrow_SaysSo()
    {
        var program = TestProgram.Create(TestShape.Mixture with { KvHeads = 16, Heads = 16, HeadSize = 4, Hidden = 128, Intermediate = 60, Vocabulary = 128 }).Program;
        Assert.False(ProgramSharding.Supports(program with { Shape = program.Shape with { IntermediateSize = 128 } }, 16, out var reason));
        Assert.Contains("a width of 60 of an expert", reason, StringComparison.Ordinal);
    }

    /// <summary>Every rank holds a share of every expert, and all of what chooses them.</summary>
    [Fact]
    public void Create_Mixture_HalvesEveryExpert()
    {
        var program = TestProgram.Create(TestShape.Mixture).Program;
        var halves = Enumerable.Range(0, 2).Select(rank => ProgramSharding.Create(program, rank, 2).Program).ToArray();
        foreach (var weight in program.Weights)
        {
            var parts = halves.Select(half => half.Weights[weight.Index]).ToArray();
            var elements = parts.Sum(part => part.Rows * part.Columns);
            Assert.Equal(weight.Name switch { "router" => 2 * weight.Rows * weight.Columns, _ when weight.Experts > 1 => weight.Rows * weight.Columns, _ => elements }, elements);
            Assert.All(parts, part => Assert.Equal(weight.Experts, part.Experts));
        }
    }

    /// <summary>
    /// Norms over the heads of all ranks would be a meeting more per layer; an expert that all tokens go through is a width more to share out; heads of a recurrence and gates of heads could be cut
    /// as attention's heads are. None of it is done.
    /// </summary>
    [Fact]
    public void Supports_WhatIsNotCut_IsRefusedBySayingSo()
    {
        Assert.Contains("norms every head", ReasonFor(TestShape.LayerNorms), StringComparison.Ordinal);
        Assert.Contains("recurrent state", ReasonFor(TestShape.Hybrid), StringComparison.Ordinal);
        Assert.Contains("norms all heads together", ReasonFor(TestShape.Olmo3), StringComparison.Ordinal);
        Assert.Contains("recurrent state", ReasonFor(TestShape.Hybrid), StringComparison.Ordinal);
        Assert.Contains("gate behind attention", ReasonFor(new TestShape { OutputGate = true }), StringComparison.Ordinal);
        Assert.Contains("all tokens go through", ReasonFor(TestShape.Mixture with { Shared = 52 }), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ProgramSharding.Create(TestProgram.Create(TestShape.Olmo3).Program, 0, 2));
        Assert.Throws<ArgumentException>(() => ProgramSharding.Create(TestProgram.Create(TestShape.Hybrid).Program, 0, 2));
    }

    private static string ReasonFor(TestShape shape)
    {
        ProgramSharding.Supports(TestProgram.Create(shape).Program, 16, out var reason);
        return reason;
    }

    /// <summary>o has a bias where qkv has one, as some checkpoints have it: added by one rank for each column.</summary>
    private static TestProgram WithOutputBias(TestProgram test)
    {
        if (!test.Shape.Bias)
        {
            return test;
        }

        var program = test.Program;
        var bias = new WeightSpec(program.Weights.Count, "o_bias", 1, test.Shape.Hidden, WeightKind.Vector, []);
        ProgramOp[] ops = [.. program.Ops.Select(op => op is LinearOp { Mode: LinearOutput.Accumulate } linear ? linear with { Bias = bias.Index } : op)];
        return test with
        {
            Program = program with { Weights = [.. program.Weights, bias], Ops = ops },
            Weights = [.. test.Weights, TestProgram.Normal(new Random(3), test.Shape.Hidden, 1)],
        };
    }
}

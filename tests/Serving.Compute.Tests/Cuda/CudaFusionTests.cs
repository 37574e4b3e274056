using Serving.Compute.Cuda;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Steps whose ends of Linears do what follows them give the bits of the list launched op by op: logits, and pages.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaFusionTests : IDisposable
{
    private const int Sequences = 4;
    private const int Pages = 1024;

    /// <summary>Rows of each sequence, step by step: prompts of one row and of many (two tiles), then recorded steps.</summary>
    private static readonly int[][] Prompts = [[1, 23, 45, 67], [1, 1, 1, 1], [1, 1, 1, 1]];

    /// <summary>Steps on both sides of the rows up to which fused ends are given deltas and take rows one by one, then a recorded one.</summary>
    private static readonly int[][] AroundFewRows = [[1, 20, 3, 40], [2, 20, 3, 40], [1, 1, 1, 1]];

    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static readonly Dictionary<string, TestShape> Shapes = new()
    {
        ["heads of 64"] = new TestShape { HeadSize = 64, KvHeads = 1, Intermediate = 300 },
        ["biases, norms of heads, odd widths"] = new TestShape { HeadSize = 16, Bias = true, HeadNorm = true, Hidden = 72, Intermediate = 150 },
        ["experts"] = TestShape.Mixture with { HeadSize = 16, Shared = 52 },
        ["heads that cross blocks"] = new TestShape { HeadSize = 80, Hidden = 80 },
    };

    /// <summary>The shapes.</summary>
    public static TheoryData<string> ShapeNames => [.. Shapes.Keys];

    /// <summary>Every sequence with another adapter or none.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_Fused_GivesTheBitsOfOpByOp(string shape) =>
        AssertEqualBits(Shapes[shape], Prompts, [0, 9, 18, 27], [CudaFactory.Deterministic, CudaFactory.Unfused, CudaFactory.OneStream]);

    /// <summary>Ranks from 1 to 128: deltas made beside the product give the bits of ends that make them themselves, as those of the unfused list do.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_AroundFewRows_GivesTheBitsOfEndsThatMakeDeltas(string shape) =>
        AssertEqualBits(Shapes[shape], AroundFewRows, [0, 1, 128, 20], [CudaFactory.Deterministic, CudaFactory.Unfused]);

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    private static void AssertEqualBits(TestShape shape, int[][] steps, int[] ranks, BackendFactory[] factories)
    {
        var test = TestProgram.Create(shape);
        var (logits, pages) = Run(factories[0], test, steps, ranks);
        foreach (var factory in factories[1..])
        {
            var (otherLogits, otherPages) = Run(factory, test, steps, ranks);
            Assert.Equal(otherLogits, logits);
            Assert.Equal(otherPages, pages);
        }
    }

    private static (float[] Logits, byte[] Pages) Run(BackendFactory factory, TestProgram test, int[][] steps, int[] ranks)
    {
        using var session = new BackendSession(factory, test, Pages);
        int[] slots = [-1, .. Enumerable.Range(1, Sequences - 1).Select(i => session.AddAdapter(test.CreateAdapter(i, slice => (slice.Index + i) % 4 == 0 ? 0 : ranks[i])))];
        var sequences = slots.Select(slot => new TestSequence(session, slot)).ToArray();
        var logits = new List<float>();
        for (var step = 0; step < steps.Length; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < Sequences; i++)
            {
                sequences[i].AddChunk([.. Enumerable.Range(i + step, steps[step][i]).Select(token => token % test.Shape.Vocabulary)], last: Greedy);
            }

            session.Execute();
            logits.AddRange(Enumerable.Range(0, Sequences).SelectMany(session.Logits));
        }

        var pages = new byte[Pages * test.Program.Shape.PageBytes];
        ((CudaBackend)session.Backend).CopyArena(pages);
        return ([.. logits], pages);
    }
}

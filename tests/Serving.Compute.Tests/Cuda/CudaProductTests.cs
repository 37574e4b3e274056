using Serving.Compute.Cuda;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Steps whose products of few rows are made by the kernel of our own, beside those that cuBLASLt makes.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaProductTests : IDisposable
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static readonly Dictionary<string, TestShape> Shapes = new()
    {
        ["planes"] = new TestShape { HeadSize = 64, Heads = 16, KvHeads = 1, Hidden = 1024, Intermediate = 2100, Layers = 2, Vocabulary = 300, Tied = false, HasMagnitudes = true },
        ["biases, odd widths"] = new TestShape { HeadSize = 18, Heads = 6, KvHeads = 2, Bias = true, Hidden = 100, Intermediate = 70, Vocabulary = 133 },
        ["hybrid"] = TestShape.Hybrid with { Layers = 3 },
    };

    /// <summary>The shapes.</summary>
    public static TheoryData<string> ShapeNames => [.. Shapes.Keys];

    /// <summary>A step of more rows than the kernel takes, a chunk that it takes, recorded steps; adapters among them.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_OwnProducts_AgreeWithTheLibrarys(string shape)
    {
        var test = TestProgram.Create(Shapes[shape]);
        var (ours, theirs) = (Run(CudaFactory.OwnProducts, test, [70, 20, 1]), Run(CudaFactory.Deterministic, test, [70, 20, 1]));
        var tolerance = 0.03 * Math.Sqrt(theirs.Average(value => (double)value * value));
        Assert.All(theirs.Zip(ours), pair => Assert.Equal(pair.First, pair.Second, tolerance));
        Assert.NotEqual(theirs, ours);
    }

    /// <summary>
    /// Kernels that begin before those ahead of them have ended give the bits of those that do not, recorded or launched one by one, with adapters and without, contexts whole and cut; and, on the emulator, touch
    /// nothing meanwhile that a kernel beside them writes.
    /// </summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_EarlyLaunches_GiveTheBitsOfTurns(string shape)
    {
        var test = TestProgram.Create(Shapes[shape]);
        foreach (var (prompts, chunks) in ((int[], int)[])[([9, 20, 1], 1), ([200], 3)])
        {
            var early = Run(CudaFactory.OwnProducts, test, prompts, chunks);
            Assert.Equal(Run(CudaFactory.OwnProductsInTurn, test, prompts, chunks), early);
            Assert.Equal(Run(CudaFactory.OwnProductsEager, test, prompts, chunks), early);
        }
    }

    /// <summary>In steps of few rows a sequence's bits are those that it has alone: no sum depends on the rows beside it.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_OwnProductsInCompany_GiveTheBitsOfAlone(string shape)
    {
        var test = TestProgram.Create(Shapes[shape]);
        var company = Run(CudaFactory.OwnProducts, test, [30, 25, 5]);
        var alone = Run(CudaFactory.OwnProducts, test, [30]);
        for (var step = 0; step < 3; step++)
        {
            var vocabulary = test.Shape.Vocabulary;
            Assert.Equal(alone.AsSpan(step * vocabulary, vocabulary).ToArray(), company.AsSpan(step * 3 * vocabulary, vocabulary).ToArray());
        }
    }

    /// <summary>Both are tried on every shape of weight, the head's among them, and what is chosen computes.</summary>
    [Fact]
    public void AllocatePool_Measured_TriesEveryShape()
    {
        var test = TestProgram.Create(Shapes["biases, odd widths"]);
        using var session = new BackendSession(CudaFactory.MeasuredProducts, test, pages: 64);
        (int, int)[] shapes = [(100, 70), (100, 108), (133, 100), (140, 100), (180, 100)];
        Assert.Equal(shapes, ((CudaBackend)session.Backend).ProductChoices.Select(choice => (choice.Outputs, choice.Inputs)).Order());
        Assert.All(Run(CudaFactory.MeasuredProducts, test, [3, 2]), value => Assert.True(float.IsFinite(value)));
    }

    /// <summary>Where bits have to be the same in steps of any size, and where times say nothing, there is nothing to choose.</summary>
    [Fact]
    public void AllocatePool_DeterministicOrEmulated_LeavesItToTheLibrary()
    {
        CudaEmulator.RequireEmulated();
        var test = TestProgram.Create(Shapes["biases, odd widths"]);
        foreach (var factory in (BackendFactory[])[CudaFactory.Deterministic, CudaFactory.Default])
        {
            using var session = new BackendSession(factory, test, pages: 64);
            Assert.Empty(((CudaBackend)session.Backend).ProductChoices);
        }
    }

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <summary>Prompts in chunks of so many rows, then three steps of one row each; logits of the last rows.</summary>
    private static float[] Run(BackendFactory factory, TestProgram test, int[] prompts, int chunks = 1)
    {
        using var session = new BackendSession(factory, test, pages: 256 + (8 * test.Program.Shape.StatePages));
        var sequences = prompts.Select((_, i) => new TestSequence(session, i == 1 ? -1 : session.AddAdapter(test.CreateAdapter(i, slice => (slice.Index + i) % 4 == 0 ? 0 : 9)))).ToArray();
        var logits = new List<float>();
        for (var step = 0; step < chunks + 3; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < prompts.Length; i++)
            {
                var rows = step < chunks ? prompts[i] : 1;
                sequences[i].AddChunk([.. Enumerable.Range(i + step, rows).Select(token => token % test.Shape.Vocabulary)], last: Greedy);
            }

            session.Execute();
            if (step >= chunks)
            {
                logits.AddRange(Enumerable.Range(0, prompts.Length).SelectMany(session.Logits));
            }
        }

        return [.. logits];
    }
}

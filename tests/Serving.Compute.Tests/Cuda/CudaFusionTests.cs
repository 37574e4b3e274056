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

    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static readonly Dictionary<string, TestShape> Shapes = new()
    {
        ["heads of 64"] = new TestShape { HeadSize = 64, KvHeads = 1, Intermediate = 300 },
        ["biases, norms of heads, odd widths"] = new TestShape { HeadSize = 16, Bias = true, HeadNorm = true, Hidden = 72, Intermediate = 150 },
        ["heads that cross blocks"] = new TestShape { HeadSize = 80, Hidden = 80 },
    };

    /// <summary>The shapes.</summary>
    public static TheoryData<string> ShapeNames => [.. Shapes.Keys];

    /// <summary>Prompts of one row and of many (two tiles), then recorded steps, every sequence with another adapter or none.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_Fused_GivesTheBitsOfOpByOp(string shape)
    {
        var test = TestProgram.Create(Shapes[shape]);
        var (logits, pages) = Run(CudaFactory.Deterministic, test);
        foreach (var factory in (BackendFactory[])[CudaFactory.Unfused, CudaFactory.OneStream])
        {
            var (otherLogits, otherPages) = Run(factory, test);
            Assert.Equal(otherLogits, logits);
            Assert.Equal(otherPages, pages);
        }
    }

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    private static (float[] Logits, byte[] Pages) Run(BackendFactory factory, TestProgram test)
    {
        using var session = new BackendSession(factory, test, pages: 256);
        int[] slots = [-1, .. Enumerable.Range(1, Sequences - 1).Select(i => session.AddAdapter(test.CreateAdapter(i, slice => (slice.Index + i) % 4 == 0 ? 0 : 9 * i)))];
        var sequences = slots.Select(slot => new TestSequence(session, slot)).ToArray();
        var logits = new List<float>();
        for (var step = 0; step < 3; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < Sequences; i++)
            {
                var rows = step == 0 ? 1 + (i * 22) : 1;
                sequences[i].AddChunk([.. Enumerable.Range(i + step, rows).Select(token => token % test.Shape.Vocabulary)], last: Greedy);
            }

            session.Execute();
            logits.AddRange(Enumerable.Range(0, Sequences).SelectMany(session.Logits));
        }

        var pages = new byte[256 * test.Program.Shape.PageBytes];
        ((CudaBackend)session.Backend).CopyArena(pages);
        return ([.. logits], pages);
    }
}

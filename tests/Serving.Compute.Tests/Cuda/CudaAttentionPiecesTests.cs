using Serving.Compute.Cuda.Plans;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Steps whose attention is given out whole, split by split, in longer pieces, or as the backend finds best.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaAttentionPiecesTests
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    /// <summary>One step of one row each, recorded, and one with a chunk of three rows: the same logits to the bit.</summary>
    [Fact]
    public void Execute_AnyPieces_GivesTheSameBits()
    {
        var test = TestProgram.Create(new TestShape { Hidden = 64, Intermediate = 64, Layers = 1, Heads = 2, KvHeads = 1, HeadSize = 64 });
        var expected = Run(test, AttentionShares.Whole);
        foreach (var pieces in (int?[])[1, 2, null])
        {
            Assert.Equal(expected, Run(test, pieces));
        }
    }

    private static float[] Run(TestProgram test, int? pieces)
    {
        using var session = new BackendSession(CudaFactory.InPieces(pieces), test, maxRows: 1400);
        var logits = new List<float>();
        int[] prompts = [1300, 700, 40];
        TestSequence[] sequences = [.. prompts.Select(_ => new TestSequence(session))];
        for (var i = 0; i < prompts.Length; i++)
        {
            session.Inputs.Clear();
            sequences[i].AddChunk([.. Enumerable.Range(0, prompts[i]).Select(token => (token * 7) % test.Shape.Vocabulary)]);
            session.Execute();
        }

        foreach (var rows in new[] { 1, 3 })
        {
            session.Inputs.Clear();
            foreach (var sequence in sequences)
            {
                sequence.AddChunk([.. Enumerable.Range(5, sequence == sequences[1] ? rows : 1)], last: Greedy);
            }

            session.Execute();
            logits.AddRange(Enumerable.Range(0, sequences.Length).SelectMany(session.Logits));
        }

        return [.. logits];
    }
}

using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Vectors;

namespace Serving.Compute.Tests.Contracts;

/// <summary>What every backend must hold, part three: it samples and scores as <c>Vectors/sampling.json</c> says.</summary>
public abstract class SamplingContract
{
    /// <summary>The backend under test.</summary>
    protected abstract BackendFactory Factory { get; }

    /// <summary>All cases, a full step at a time.</summary>
    [Fact]
    public void Sample_VectorFile_IsEqual()
    {
        var vectors = SamplingVectors.Read();
        var names = vectors.Logits.Select(set => set.Name).ToList();
        using var session = new BackendSession(Factory, LogitProgram.Create([.. vectors.Logits.Select(set => set.Expand(vectors.Vocabulary))]), maxRows: 48);
        foreach (var step in vectors.Cases.Chunk(session.Limits.MaxRows))
        {
            session.Inputs.Clear();
            var page = 0;
            foreach (var test in step)
            {
                AddCase(session, test, names.IndexOf(test.Logits), page++);
            }

            session.Execute();
            for (var i = 0; i < step.Length; i++)
            {
                AssertAnswer(session, step[i], i);
            }
        }
    }

    private static void AddCase(BackendSession session, SamplingCase test, int token, int page)
    {
        var inputs = session.Inputs;
        var row = test.ToRow();
        row.Row = inputs.RowCount;
        (row.FirstPenalty, row.FirstBias) = (inputs.PenaltyCount, inputs.BiasCount);
        foreach (var seen in test.ToPenalties())
        {
            inputs.AddPenalty(seen.Token, seen.OutputCount);
        }

        foreach (var bias in test.ToBiases())
        {
            inputs.AddBias(bias.Token, bias.Bias);
        }

        (row.PenaltyCount, row.BiasCount) = (inputs.PenaltyCount - row.FirstPenalty, inputs.BiasCount - row.FirstBias);
        inputs.AddSequence(new() { FirstRow = row.Row, RowCount = 1, FirstEntry = inputs.EntryCount, EntryCount = 1 });
        inputs.AddEntry(page, 1);
        inputs.AddSegment(row.Row, 1, -1);
        inputs.AddRow(token, 0, page, 0);
        inputs.AddOutput(row);
    }

    private static void AssertAnswer(BackendSession session, SamplingCase test, int output)
    {
        var what = $"{test.Logits}, {test.Name}, seed {test.Seed}";
        Assert.True(test.Token == session.Outputs.TokenIds[output], $"{what}: expected token {test.Token}, got {session.Outputs.TokenIds[output]}");
        Assert.True(Math.Abs(test.Logprob - session.Outputs.Logprobs[output]) < 1e-4, $"{what}: expected logprob {test.Logprob}, got {session.Outputs.Logprobs[output]}");
        for (var i = 0; i < (test.TopIds?.Count ?? 0); i++)
        {
            var at = (output * SampleRow.MaxTopLogprobs) + i;
            Assert.True(test.TopIds![i] == session.Outputs.TopIds[at], $"{what}: top token {i} is {session.Outputs.TopIds[at]}");
            Assert.True(Math.Abs(test.TopLogprobs![i] - session.Outputs.TopLogprobs[at]) < 1e-4, $"{what}: top logprob {i} is {session.Outputs.TopLogprobs[at]}");
        }
    }
}

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
                AddRow(session, test.ToRow(), names.IndexOf(test.Logits), page++, test.ToPenalties(), test.ToBiases(), test.ToMask(vectors.Vocabulary));
            }

            session.Execute();
            for (var i = 0; i < step.Length; i++)
            {
                AssertAnswer(session, step[i], i);
            }
        }
    }

    /// <summary>Wherever in a word, a vector or a block of the CDF a token is, and wherever the vocabulary ends: where it alone is allowed it is taken, however unlikely it is.</summary>
    [Theory]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(64)]
    [InlineData(1100)]
    public void Sample_OneAllowedToken_IsTaken(int vocabulary)
    {
        int[] places = [0, 1, 7, 8, 15, 16, 17, 30, 31, 32, 33, 47, 48, 62, 63, 64, 1022, 1023, 1024, 1025, 1087, 1088, vocabulary - 1];
        int[] tokens = [.. places.Where(token => token < vocabulary).Distinct()];
        var logits = Enumerable.Range(0, vocabulary).Select(id => id % 5 * 4.0).ToArray();
        using var session = new BackendSession(Factory, LogitProgram.Create([logits]), maxRows: 48);
        foreach (var likely in new[] { Row(0), Row(1), Row(0.7f) with { TopK = 2, TopP = 0.5f, MinP = 0.3f } })
        {
            session.Inputs.Clear();
            for (var i = 0; i < tokens.Length; i++)
            {
                AddRow(session, likely with { Seed = (ulong)i }, 0, i, [], [], SamplingCaseRow.MaskOf(vocabulary, [tokens[i]]));
            }

            session.Execute();
            Assert.Equal(tokens, session.Outputs.TokenIds.Take(tokens.Length));
        }
    }

    /// <summary>Rows may share a mask; the next step's masks begin anew.</summary>
    [Fact]
    public void Sample_SharedMask_HoldsForItsRows()
    {
        const int Vocabulary = 70;
        using var session = new BackendSession(Factory, LogitProgram.Create([[.. Enumerable.Range(0, Vocabulary).Select(id => (double)id)]]), maxRows: 48);
        int[][] steps = [[40, 3, 66], [5], [9, 69]];
        foreach (var allowed in steps)
        {
            session.Inputs.Clear();
            var first = allowed.Select(token => session.Inputs.AddMask(SamplingCaseRow.MaskOf(Vocabulary, Enumerable.Range(0, token + 1)))).ToArray();
            for (var i = 0; i < 3 * allowed.Length; i++)
            {
                AddRow(session, Row(0) with { FirstMask = first[i % allowed.Length], MaskWords = 3 }, 0, i, [], [], []);
            }

            AddRow(session, Row(0), 0, 3 * allowed.Length, [], [], []);
            session.Execute();
            Assert.Equal([.. allowed, .. allowed, .. allowed, Vocabulary - 1], session.Outputs.TokenIds.Take((3 * allowed.Length) + 1));
        }
    }

    private static SampleRow Row(float temperature) => new() { TargetToken = -1, TopLogprobs = 0, TopP = 1, RepetitionPenalty = 1, Temperature = temperature };

    private static void AddRow(
        BackendSession session,
        SampleRow row,
        int logits,
        int page,
        IReadOnlyList<PenaltyToken> penalties,
        IReadOnlyList<TokenBias> biases,
        uint[] mask)
    {
        var inputs = session.Inputs;
        row.Row = inputs.RowCount;
        (row.FirstPenalty, row.FirstBias) = (inputs.PenaltyCount, inputs.BiasCount);
        foreach (var seen in penalties)
        {
            inputs.AddPenalty(seen.Token, seen.OutputCount);
        }

        foreach (var bias in biases)
        {
            inputs.AddBias(bias.Token, bias.Bias);
        }

        (row.PenaltyCount, row.BiasCount) = (inputs.PenaltyCount - row.FirstPenalty, inputs.BiasCount - row.FirstBias);
        if (mask.Length > 0)
        {
            (row.FirstMask, row.MaskWords) = (inputs.AddMask(mask), mask.Length);
        }

        inputs.AddSequence(new() { FirstRow = row.Row, RowCount = 1, FirstEntry = inputs.EntryCount, EntryCount = 1 });
        inputs.AddEntry(page, 1);
        inputs.AddSegment(row.Row, 1, -1);
        inputs.AddRow(logits, 0, page, 0);
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

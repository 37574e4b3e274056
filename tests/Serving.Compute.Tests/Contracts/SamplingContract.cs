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

    /// <summary>
    /// A token that the host could not count yet, as it is fed from the step before, is counted by whoever samples: the same tokens as when it is named and counted, greedy and drawn,
    /// whether it was seen in the prompt, in the output or never, and beside rows that know all of theirs.
    /// </summary>
    [Fact]
    public void Sample_PendingToken_CountsAsIfItWereNamed()
    {
        const int Vocabulary = 70;
        const int Rows = 48;
        const int Sets = 16;
        var logits = Enumerable.Range(0, Sets).Select(set => Enumerable.Range(0, Vocabulary).Select(id => id < Sets ? 1 + (id * (set + 3) % Sets / 16.0) : -40).ToArray());
        using var session = new BackendSession(Factory, LogitProgram.Create([.. logits]), maxRows: Rows);
        var changed = 0;
        for (var step = 0; step < 8; step++)
        {
            var first = Enumerable.Range(0, Rows).Select(row => new PendingCase(row % Sets, Row(1) with { Seed = (ulong)((step * Rows) + row) }, [])).ToList();
            var sampled = Run(session, first);
            var pending = Enumerable.Range(0, Rows).Select(row => sampled[(row + 5) % Rows]).ToArray();
            var unaware = Enumerable.Range(0, Rows).Select(row => new PendingCase(pending[row], Penalised(row) with { OutputIndex = (uint)step }, SeenBy(row, Sets))).ToList();
            var named = unaware.Select(row => row with { Penalties = Counted(row.Penalties, row.Token) }).ToList();
            var expected = Run(session, named);
            changed += Run(session, unaware).Zip(expected).Count(pair => pair.First != pair.Second);
            Run(session, first);
            Assert.Equal(expected, Run(session, [.. named.Select((row, i) => i % 3 == 0 ? row : unaware[i] with { Token = ~((i + 5) % Rows) })]));
        }

        Assert.True(changed > Rows, $"only {changed} tokens depend on the count");
    }

    private static SampleRow Penalised(int row) => Row(row % 4 == 0 ? 0 : 0.5f) with
    {
        RepetitionPenalty = row % 3 == 0 ? 1.3f : 1,
        PresencePenalty = row % 3 == 1 ? 0.75f : 0,
        FrequencyPenalty = row % 3 == 0 ? 0 : 0.5f,
        Seed = (ulong)row,
    };

    private static PenaltyToken[] SeenBy(int row, int tokens) =>
        [.. Enumerable.Range(0, tokens).Where(id => (id + row) % 3 != 0).Select(id => new PenaltyToken { Token = id, OutputCount = (id + row) % 3 })];

    private static PenaltyToken[] Counted(PenaltyToken[] seen, int token) => Array.Exists(seen, entry => entry.Token == token)
        ? [.. seen.Select(entry => entry with { OutputCount = entry.OutputCount + (entry.Token == token ? 1 : 0) })]
        : [.. seen, new PenaltyToken { Token = token, OutputCount = 1 }];

    private static int[] Run(BackendSession session, IReadOnlyList<PendingCase> rows)
    {
        session.Inputs.Clear();
        for (var i = 0; i < rows.Count; i++)
        {
            AddRow(session, rows[i].Sampling, rows[i].Token, i, rows[i].Penalties, [], []);
        }

        session.Execute();
        return session.Outputs.TokenIds[..rows.Count];
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

    /// <summary>A row of a step: its token, how it samples, and what its entries say that the sequence has seen.</summary>
    private sealed record PendingCase(int Token, SampleRow Sampling, PenaltyToken[] Penalties);
}

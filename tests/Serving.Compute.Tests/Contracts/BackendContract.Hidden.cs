using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <content>Hidden states that are given back: what embeddings are made of.</content>
public abstract partial class BackendContract
{
    /// <summary>
    /// Some outputs of a step among others, of several sequences, with an adapter and without: the rows behind the last norm, in the order in which they were asked for; a step that asks for none leaves the last ones alone.
    /// </summary>
    [Theory]
    [InlineData("llama")]
    [InlineData("gemma2")]
    [InlineData("odd")]
    public void Execute_HiddenOutputs_AreWhatLogitsComeFrom(string shape)
    {
        var test = TestProgram.Create(ShapeOf(shape));
        using var session = new BackendSession(Factory, test);
        var adapter = test.CreateAdapter(5, slice => 1 + (slice.Index * 5 % 23));
        var slot = session.AddAdapter(adapter);
        int[] tokens = Tokens(test, 40, 2);
        int[] lengths = [17, 40, 1, 23];
        var scored = Greedy with { TargetToken = 1 };
        session.Inputs.Clear();
        new TestSequence(session).AddChunk(tokens[..5], every: Greedy);
        for (var i = 0; i < lengths.Length; i++)
        {
            new TestSequence(session, i % 2 == 0 ? slot : -1).AddChunk(tokens[..lengths[i]], last: scored);
            session.Inputs.AddHiddenOutput();
            new TestSequence(session).AddChunk(tokens[..(3 + i)], last: Greedy);
        }

        session.Execute();
        var given = Enumerable.Range(0, lengths.Length).Select(session.Hidden).ToArray();
        double[][][] expected = [.. new[] { adapter, null }.Select(weights => HiddenOf(new ReferenceModel(test, weights, Factory.Rounds), tokens))];
        for (var i = 0; i < lengths.Length; i++)
        {
            AssertClose(expected[i % 2][lengths[i] - 1], given[i], $"{shape}, hidden state {i}");
        }

        session.Inputs.Clear();
        new TestSequence(session).AddChunk(tokens[..9], last: Greedy);
        session.Execute();
        Assert.Equal(given, Enumerable.Range(0, lengths.Length).Select(session.Hidden));
    }

    private static double[][] HiddenOf(ReferenceModel model, int[] tokens)
    {
        model.Run(tokens, [.. Enumerable.Range(0, tokens.Length)]);
        return model.Hidden;
    }
}

using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <content>Page tables with partly filled pages and explicit positions, page copies, and tokens fed from the previous step.</content>
public abstract partial class BackendContract
{
    /// <summary>
    /// Pages of which any number of slots is valid, as imported modules leave them: the answer is that of the tokens side by side, to the bit.
    /// </summary>
    [Theory]
    [InlineData(1, "llama")]
    [InlineData(5, "llama")]
    [InlineData(15, "llama")]
    [InlineData(10, "wide")]
    [InlineData(7, "head80")]
    [InlineData(3, "odd")]
    public void Execute_PartlyFilledPages_EqualFullOnes(int chunk, string shape)
    {
        var test = TestProgram.Create(ShapeOf(shape));
        using var session = new BackendSession(Factory, test);
        int[] tokens = Tokens(test, 100, 3);
        var expected = Run(session, -1, tokens);
        var sequence = new TestSequence(session);
        for (var done = 0; done < tokens.Length; done += chunk)
        {
            session.Inputs.Clear();
            sequence.StartPage();
            sequence.AddChunk(tokens[done..Math.Min(done + chunk, tokens.Length)], last: Greedy);
            session.Execute();
        }

        Assert.Equal(expected, session.Logits(0));
    }

    /// <summary>A module with positions that leave a gap: the mask follows ordinals, the rotation positions.</summary>
    [Fact]
    public void Execute_PositionsWithGap_MatchReference()
    {
        var test = TestProgram.Create(ShapeOf("qwen3"));
        using var session = new BackendSession(Factory, test);
        int[] tokens = Tokens(test, 50, 9);
        var sequence = new TestSequence(session);
        session.Inputs.Clear();
        sequence.AddChunk(tokens[..21]);
        session.Execute();
        sequence.PositionOffset = 700;
        sequence.StartPage();
        session.Inputs.Clear();
        sequence.AddChunk(tokens[21..], last: Greedy);
        session.Execute();
        int[] positions = [.. Enumerable.Range(0, 50).Select(i => i < 21 ? i : i + 700)];
        AssertClose(SharedReference.Of(test, null, Factory.Rounds, tokens, "gap", positions).Logits[^1], session.Logits(0), "positions with a gap");
    }

    /// <summary>A sequence whose last, partly filled page was copied (n &gt; 1) goes on as its origin does, and neither writes into the other's page.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    public void Execute_CopiedPage_ContinuesAsItsOrigin(int filled)
    {
        var test = TestProgram.Create(ShapeOf("head80"));
        using var session = new BackendSession(Factory, test);
        int[] tokens = Tokens(test, 16 + filled, 4);
        int[] left = Tokens(test, 7, 5);
        int[] right = Tokens(test, 7, 6);
        var origin = new TestSequence(session);
        session.Inputs.Clear();
        origin.AddChunk(tokens);
        session.Execute();

        var copy = new TestSequence(session);
        var page = session.TakePage();
        copy.Import((origin.Table[0].Page, 16), (page, filled));
        session.Inputs.Clear();
        session.Inputs.AddCopy(origin.Table[1].Page, page, filled);
        origin.AddChunk(left, last: Greedy);
        copy.AddChunk(right, last: Greedy);
        session.Execute();
        var (first, second) = (session.Logits(0), session.Logits(1));
        Assert.Equal(Run(session, -1, [.. tokens, .. left]), first);
        Assert.Equal(Run(session, -1, [.. tokens, .. right]), second);
    }

    /// <summary>
    /// Pages that went to host memory and came back to other pages hold what they held, to the bit, whatever was computed in their old places meanwhile; a partly filled one too.
    /// </summary>
    [Fact]
    public void CopyFromHost_OtherPages_ContinueAsTheirOrigin()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        using var session = new BackendSession(Factory, test, hostPages: 5);
        int[] tokens = Tokens(test, 37, 14);
        var origin = new TestSequence(session);
        session.Inputs.Clear();
        origin.AddChunk(tokens);
        session.Execute();
        int[] pages = [.. origin.Table.Select(entry => entry.Page)];
        session.Backend.CopyToHost(pages, [4, 0, 2]);

        // The old places are written over by another sequence.
        session.ReturnPages(pages);
        session.Inputs.Clear();
        new TestSequence(session).AddChunk(Tokens(test, 48, 15));
        session.Execute();
        int[] back = [session.TakePage(), session.TakePage(), session.TakePage()];
        session.Backend.CopyFromHost([4, 0, 2], back);
        var copy = new TestSequence(session);
        copy.Import((back[0], 16), (back[1], 16), (back[2], 5));
        copy.StartPage();
        session.Inputs.Clear();
        copy.AddChunk(Tokens(test, 9, 16), last: Greedy);
        session.Execute();
        var continued = session.Logits(0);
        Assert.Equal(Run(session, -1, [.. tokens, .. Tokens(test, 9, 16)]), continued);
    }

    /// <summary>A negative token id stands for what the previous step sampled as that output, in any order of the rows.</summary>
    [Fact]
    public void Execute_PendingTokens_AreFedFromPreviousStep()
    {
        var test = TestProgram.Create(ShapeOf("llama"));
        using var session = new BackendSession(Factory, test);
        var sequences = Enumerable.Range(0, 3).Select(_ => new TestSequence(session)).ToArray();
        session.Inputs.Clear();
        for (var i = 0; i < 3; i++)
        {
            sequences[i].AddChunk(Tokens(test, 6 + i, i), last: Greedy);
        }

        session.Execute();
        int[] sampled = [.. session.Outputs.TokenIds[..3]];
        Assert.True(sampled.Distinct().Count() == 3, "Equal samples would not tell the outputs apart.");
        session.Inputs.Clear();
        foreach (var i in new[] { 2, 0, 1 })
        {
            sequences[i].AddChunk([~i], last: Greedy);
        }

        session.Execute();
        var logits = Enumerable.Range(0, 3).Select(session.Logits).ToArray();
        foreach (var (i, output) in new[] { (2, 0), (0, 1), (1, 2) })
        {
            Assert.Equal(Run(session, -1, [.. Tokens(test, 6 + i, i), sampled[i]]), logits[output]);
        }
    }

    /// <summary>Random tokens.</summary>
    protected static int[] Tokens(TestProgram test, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(test.Shape.Vocabulary))];
    }
}

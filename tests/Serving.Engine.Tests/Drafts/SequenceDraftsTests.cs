using Serving.Core.Scheduling;
using Serving.Engine.Execution.Drafts;

namespace Serving.Engine.Tests.Drafts;

public sealed class SequenceDraftsTests
{
    private readonly SequenceDrafts _drafts = new();

    [Fact]
    public void Propose_TextThatRepeatsItself_GoesOnAsItDid() => Assert.Equal([3, 1, 2, 3, 1], Propose([9, 1, 2, 3, 1, 2], 5));

    [Fact]
    public void Propose_TextWithoutRepetition_IsNothing() => Assert.Empty(Propose([1, 2, 3, 4], 5));

    [Fact]
    public void Propose_AfterGuessesThatCameTrue_SaysThatTheyAreLikelier()
    {
        var first = Chance([1, 2, 3, 1, 2]);
        _drafts.OnToken(3);
        Assert.True(Chance([1, 2, 3, 1, 2]) > first);
    }

    [Fact]
    public void Propose_AfterGuessesThatDidNot_SaysThatTheyAreNot()
    {
        for (var i = 0; i < 40; i++)
        {
            Chance([1, 2, 3, 1, 2]);
            _drafts.OnToken(7);
        }

        Assert.InRange(Chance([1, 2, 3, 1, 2]), 0, 0.06f);
    }

    /// <summary>What came behind a wrong guess says nothing of the guesses behind that one.</summary>
    [Fact]
    public void OnToken_BehindAWrongGuess_CountsNothing()
    {
        Chance([1, 2, 3, 1, 2]);
        _drafts.OnToken(7);
        var before = Chance([1, 2, 3, 1, 2]);
        var other = new SequenceDrafts();
        var drafts = new Draft[4];
        other.Propose([1, 2, 3, 1, 2], null, drafts);
        other.OnToken(7);
        other.OnToken(1);
        other.Propose([1, 2, 3, 1, 2], null, drafts);
        Assert.Equal(before, drafts[0].Chance);
    }

    private int[] Propose(int[] tokens, int room)
    {
        var drafts = new Draft[room];
        return [.. drafts[.._drafts.Propose(tokens, null, drafts)].Select(static draft => draft.Token)];
    }

    private float Chance(int[] tokens)
    {
        var drafts = new Draft[4];
        Assert.Equal(4, _drafts.Propose(tokens, null, drafts));
        return drafts[0].Chance;
    }
}

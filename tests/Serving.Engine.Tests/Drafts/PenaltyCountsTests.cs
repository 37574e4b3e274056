using Serving.Compute.Steps;
using Serving.Engine.Execution;

namespace Serving.Engine.Tests.Drafts;

public sealed class PenaltyCountsTests
{
    [Fact]
    public void CopyTo_WithDrafts_CountsThemInThatCopyOnly()
    {
        var counts = new PenaltyCounts([1, 2]);
        counts.AddOutput(2);
        Assert.Equal([(1, 0), (2, 1)], Copy(counts, []));
        Assert.Equal([(1, 1), (2, 1), (7, 2)], Copy(counts, [7, 1, 7]));
        Assert.Equal([(1, 0), (2, 1)], Copy(counts, []));
        counts.AddOutput(7);
        Assert.Equal([(1, 0), (2, 1), (7, 1)], Copy(counts, []));
    }

    private static (int, int)[] Copy(PenaltyCounts counts, int[] drafts)
    {
        var inputs = new StepInputs();
        counts.CopyTo(inputs, drafts);
        return [.. inputs.Penalties.ToArray().Select(static entry => (entry.Token, entry.OutputCount))];
    }
}

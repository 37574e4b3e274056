using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

public sealed class MixtureAdaptersTests
{
    private static readonly ModelProgram Mixture = TestProgram.Create(TestShape.Mixture with { AdaptsExperts = true }).Program;

    [Fact]
    public void SlicesOf_AMixture_AreThoseOfExpertsAndRouters()
    {
        var expected = Mixture.Slices.Where(slice => slice.Experts > 1 || slice.Projection == Projection.Router).Select(slice => slice.Index).ToHashSet();
        Assert.Equal(8, expected.Count);
        Assert.Equal(expected, MixtureAdapters.SlicesOf(Mixture));
        Assert.Empty(MixtureAdapters.SlicesOf(TestProgram.Create(new TestShape()).Program));
    }

    /// <summary>Attention keeps its slices under their numbers, and nothing else has any.</summary>
    [Fact]
    public void Without_AMixture_LeavesAttention()
    {
        var program = MixtureAdapters.Without(Mixture);
        Assert.Equal(Mixture.Slices, program.Slices);
        var left = program.Ops.OfType<LinearOp>().SelectMany(op => op.Slices).Select(slice => slice.Index).ToHashSet();
        Assert.Equal(Enumerable.Range(0, Mixture.Slices.Count).Except(MixtureAdapters.SlicesOf(Mixture)).ToHashSet(), left);
        var dense = TestProgram.Create(new TestShape()).Program;
        Assert.Same(dense, MixtureAdapters.Without(dense));
    }
}

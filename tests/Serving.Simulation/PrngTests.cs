using Serving.Simulation.Randomness;

namespace Serving.Simulation;

/// <summary>The generator is the published one and its uses are apart.</summary>
public sealed class PrngTests
{
    [Fact]
    public void SplitMix_FromZero_GivesThePublishedNumbers()
    {
        var state = 0UL;

        Assert.Equal(0xE220A8397B1DCDAFUL, Mixing.SplitMix(ref state));
        Assert.Equal(0x6E789E6AA1B965F4UL, Mixing.SplitMix(ref state));
        Assert.Equal(0x06C45D188009454FUL, Mixing.SplitMix(ref state));
    }

    [Fact]
    public void Below_ManyDraws_CoversItsRangeEvenly()
    {
        var random = new Prng(7, 1);
        var counts = new int[10];
        for (var draw = 0; draw < 100_000; draw++)
        {
            counts[random.Below(counts.Length)]++;
        }

        Assert.All(counts, static count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void NextBits_OtherStream_GivesOtherNumbers() => Assert.NotEqual(new Prng(7, 1).NextBits(), new Prng(7, 2).NextBits());

    [Fact]
    public void Draw_Zipf_FollowsTheLaw()
    {
        var random = new Prng(3, 1);
        var law = new Zipf(100, 1);
        var counts = new int[100];
        for (var draw = 0; draw < 200_000; draw++)
        {
            counts[law.Draw(random)]++;
        }

        Assert.InRange(counts[0] / (double)counts[9], 9, 11);
    }
}

using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Tests.Workload;

public sealed class RequestFactoryTests
{
    private static readonly int[] Vocabulary = [.. Enumerable.Range(100, 50)];

    [Fact]
    public void Create_TheSameNumber_IsTheSameRequestInAnyOrder()
    {
        var scenario = Scenario(shared: 8, groups: 3);
        var forwards = Enumerable.Range(0, 50).Select(i => Make(scenario, i)).ToArray();
        var backwards = Enumerable.Range(0, 50).Reverse().Select(i => Make(scenario, i)).Reverse().ToArray();

        Assert.Equal(forwards.Select(Tokens), backwards.Select(Tokens));
        Assert.Equal(50, forwards.Select(request => string.Join(',', Tokens(request))).Distinct().Count());
    }

    [Fact]
    public void Tokens_OfAPrompt_AreExactlyAsManyAndShareTheirGroupsBeginning()
    {
        var requests = Enumerable.Range(0, 60).Select(i => Make(Scenario(shared: 8, groups: 3), i)).ToArray();

        Assert.All(requests, request => Assert.Equal(request.PromptTokens, Tokens(request).Length));
        Assert.All(requests, request => Assert.InRange(request.PromptTokens, 8 + 4, 8 + 19));
        Assert.Equal(3, requests.Select(request => string.Join(',', Tokens(request)[..8])).Distinct().Count());
        Assert.All(requests.SelectMany(Tokens), token => Assert.Contains(token, Vocabulary));
    }

    [Fact]
    public void Tokens_OfATracesBlocks_AreEqualWhereBlocksAre()
    {
        var factory = new RequestFactory(Scenario(0, 1), ["m"], null, 1, 2);
        var one = Tokens(factory.Create(0, new Arrival(0, 100, 5, [1, 2, 3], 32)));
        var other = Tokens(factory.Create(1, new Arrival(0, 80, 5, [1, 2, 9], 32)));

        Assert.Equal((100, 80), (one.Length, other.Length));
        Assert.Equal(one[..64], other[..64]);
        Assert.NotEqual(one[64..80], other[64..80]);
    }

    [Theory]
    [InlineData(nameof(Popularity.Identical), 32, new[] { 32 })]
    [InlineData(nameof(Popularity.Groups), 64, new[] { 8, 8, 8, 8, 8, 8, 8, 8 })]
    [InlineData(nameof(Popularity.Skewed), 32, new[] { 11, 7, 5, 3, 2, 2, 1, 1 })]
    [InlineData(nameof(Popularity.Skewed), 64, new[] { 17, 17, 11, 7, 5, 3, 2, 1, 1 })]
    [InlineData(nameof(Popularity.Skewed), 1024, new[] { 291, 194, 157, 129, 86, 57, 38, 25, 17, 11, 7, 5, 3, 2, 1, 1 })]
    [InlineData(nameof(Popularity.Distinct), 4, new[] { 1, 1, 1, 1 })]
    public void Pick_PunicasMixes_HaveTheirGroupsInAnotherOrder(string popularity, int requests, int[] groups)
    {
        var picker = new ModelPicker(new ModelChoice(ModelSource.Names, [], null, null, Enum.Parse<Popularity>(popularity), 1), 40, requests, 5);
        var picks = Enumerable.Range(0, requests).Select(i => picker.Pick(i)).ToArray();

        Assert.Equal(groups, picks.GroupBy(pick => pick).Select(group => group.Count()).OrderDescending());
        Assert.True(groups.Length == 1 || !picks.SequenceEqual(picks.Order()), "the requests are not shuffled");
    }

    [Fact]
    public void Picker_FewerModelsThanGroups_IsRefused() =>
        Assert.Contains("32 models", Assert.Throws<ScenarioException>(() => new ModelPicker(new ModelChoice(ModelSource.Names, [], null, null, Popularity.Groups, 1), 6, 1024, 5)).Message, StringComparison.Ordinal);

    [Fact]
    public void Pick_ByPower_FavoursTheFirst()
    {
        var picker = new ModelPicker(new ModelChoice(ModelSource.Names, [], null, null, Popularity.Power, 0.3), 200, null, 5);
        var first = Enumerable.Range(0, 20_000).Count(i => picker.Pick(i) == 0);
        Assert.Equal(0.204, first / 20_000.0, 0.01);
    }

    [Fact]
    public void Next_PunicasLengths_HaveTheirMedianAndBounds()
    {
        var random = new SeededRandom(6);
        var prompt = new LengthDistribution.LogNormal(0.8, -1, 18, 1, 2046);
        var lengths = Enumerable.Range(0, 20_000).Select(_ => prompt.Next(random)).Order().ToArray();
        Assert.InRange(lengths[10_000], 16, 18);
        Assert.True(lengths[0] >= 1 && lengths[^1] <= 2046);

        var output = new LengthDistribution.Remainder(2048);
        var answers = Enumerable.Range(0, 20_000).Select(_ => output.Next(random, 20)).ToArray();
        Assert.Equal(2, answers.Min());
        Assert.Equal(1004, answers.Average(), 20.0);
    }

    private static PlannedRequest Make(Scenario scenario, int number) => new RequestFactory(scenario, ["m"], null, 1, 2).Create(number, default);

    private static int[] Tokens(PlannedRequest request) => new PromptTokens(Vocabulary, 2).Of(request);

    private static Scenario Scenario(int shared, int groups) => new()
    {
        Name = "s",
        Prompt = new PromptShape(new LengthDistribution.Uniform(4, 20), shared, groups, null),
        Output = new LengthDistribution.Fixed(3),
        Load = [],
    };
}

using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Workload;

/// <summary>Which of N models each request asks.</summary>
internal sealed class ModelPicker
{
    private readonly ModelChoice _choice;
    private readonly int _models;
    private readonly long _seed;
    private readonly int[]? _assigned;

    /// <summary>Decides for all requests of a scenario.</summary>
    /// <param name="choice">How.</param>
    /// <param name="models">N.</param>
    /// <param name="requests">How many there will be; null where that is not known, which Punica's mixes need.</param>
    /// <param name="seed">Of the scenario.</param>
    /// <exception cref="ScenarioException">There are fewer models than the mix has groups.</exception>
    public ModelPicker(ModelChoice choice, int models, int? requests, long seed)
    {
        (_choice, _models, _seed) = (choice, models, seed);
        if (choice.Popularity is Popularity.Groups or Popularity.Skewed or Popularity.Distinct)
        {
            _assigned = Mix(choice.Popularity, requests ?? throw new ArgumentNullException(nameof(requests)));
            var groups = _assigned.Length == 0 ? 0 : _assigned.Max() + 1;
            if (groups > models)
            {
                throw new ScenarioException($"{_assigned.Length} requests of popularity {choice.Popularity.ToString().ToLowerInvariant()} ask {groups} models, and there are {models}");
            }

            new SeededRandom(seed, -1).Shuffle<int>(_assigned);
        }
    }

    /// <summary>The model of a request, by its number.</summary>
    public int Pick(long request) => _assigned is not null
        ? _assigned[request % _assigned.Length]
        : _choice.Popularity switch
        {
            Popularity.Identical => 0,
            Popularity.Power => Math.Min(_models - 1, (int)(new SeededRandom(_seed, 1, request).NextPower(_choice.Alpha) * _models)),
            _ => new SeededRandom(_seed, 1, request).NextInt(_models),
        };

    /// <summary>Punica's mixes over n requests, equal ones side by side, the most popular first.</summary>
    public static int[] Mix(Popularity popularity, int requests) => popularity switch
    {
        Popularity.Distinct => [.. Enumerable.Range(0, requests)],
        Popularity.Groups => [.. Enumerable.Range(0, requests).Select(i => (int)(i * (long)Math.Ceiling(Math.Sqrt(requests)) / requests))],
        _ => Skewed(requests),
    };

    // Groups of ⌊1.5^k⌋, k = 0, 1, …, while they fit, then the rest: 11, 7, 5, 3, 2, 2, 1, 1 of 32.
    private static int[] Skewed(int requests)
    {
        var (groups, left) = (new List<int>(), requests);
        for (var size = 1.0; left > 0; size *= 1.5)
        {
            groups.Add(size > left ? left : (int)size);
            left -= groups[^1];
        }

        return [.. groups.OrderDescending().SelectMany((size, group) => Enumerable.Repeat(group, size))];
    }
}

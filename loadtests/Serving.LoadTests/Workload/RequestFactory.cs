using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Workload;

/// <summary>Makes a scenario's requests by their number: number 17 is the same whenever and after whatever it is made.</summary>
/// <param name="scenario">What they are like.</param>
/// <param name="models">Names of the models that they ask.</param>
/// <param name="requests">How many there will be, where that is known.</param>
/// <param name="seed">Of the scenario's place: in every phase the scenario of one place has the same lengths, so that phases can be compared.</param>
/// <param name="sharedSeed">Of what requests have in common, over scenarios and phases.</param>
/// <param name="phase">Which phase: texts differ from phase to phase, or the second would find the first's in the daemon's cache.</param>
internal sealed class RequestFactory(Scenario scenario, IReadOnlyList<string> models, int? requests, long seed, long sharedSeed, int phase = 0)
{
    // Streams of a request's number; the picker of models has 1.
    private const int Lengths = 2;
    private const int Text = 3;

    private readonly ModelPicker _picker = new(scenario.Models, models.Count, requests, seed);

    /// <summary>Makes one.</summary>
    /// <param name="number">From 0.</param>
    /// <param name="arrival">What a trace says of it.</param>
    public PlannedRequest Create(long number, Arrival arrival)
    {
        var random = new SeededRandom(seed, Lengths, number);
        var shape = scenario.Prompt;
        var own = arrival.PromptTokens > 0 ? arrival.PromptTokens : shape.Length.Next(random);
        var output = arrival.OutputTokens > 0 ? arrival.OutputTokens : scenario.Output.Next(random, own);
        var group = new SeededRandom(sharedSeed, random.NextInt(shape.Groups)).NextInt(int.MaxValue);
        var (blocks, size) = arrival.Blocks is { } traced ? (traced, arrival.BlockTokens) : shape.SharedTokens > 0 ? ([group], shape.SharedTokens) : ([], 0);
        return new PlannedRequest(
            models[_picker.Pick(number)],
            arrival.PromptTokens > 0 ? own : own + shape.SharedTokens,
            output,
            new SeededRandom(seed, Text, phase, number).NextInt(int.MaxValue),
            blocks,
            size,
            shape.Modules is { } modules ? Documents(modules, random) : [],
            scenario.Client.Kind == ClientKind.HangsUp ? random.NextInt(scenario.Client.AfterTokens + 1) : null);
    }

    private static int[] Documents(ModulePrompt modules, SeededRandom random)
    {
        var all = Enumerable.Range(0, modules.Count).ToArray();
        random.Shuffle<int>(all);
        return all[..modules.Import];
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Testing;

namespace Serving.Compute.Tests.Vectors;

/// <summary>The file <c>Vectors/sampling.json</c>, which every backend's sampler is tested with; its fields are explained in the file's "about".</summary>
public sealed record SamplingVectors(
    IReadOnlyList<string> About,
    IReadOnlyList<PhiloxVector> Philox,
    int Vocabulary,
    IReadOnlyList<LogitSet> Logits,
    IReadOnlyList<SamplingCase> Cases)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.Strict,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Where the file is.</summary>
    public static string FilePath => Repository.PathOf("tests", "Serving.Compute.Tests", "Vectors", "sampling.json");

    /// <summary>Reads the file.</summary>
    public static SamplingVectors Read() => JsonSerializer.Deserialize<SamplingVectors>(File.ReadAllText(FilePath), Format)!;

    /// <summary>The file's text: one line per entry.</summary>
    public string ToText()
    {
        string[] parts =
        [
            $"\"about\": {Lines(About)}",
            $"\"philox\": {Lines(Philox)}",
            $"\"vocabulary\": {Vocabulary}",
            $"\"logits\": {Lines(Logits)}",
            $"\"cases\": {Lines(Cases)}",
        ];
        return "{\n" + string.Join(",\n", parts) + "\n}\n";
    }

    private static string Lines<T>(IEnumerable<T> entries) =>
        "[\n  " + string.Join(",\n  ", entries.Select(entry => JsonSerializer.Serialize(entry, Format))) + "\n]";
}

/// <summary>A known answer of Philox4x32-10.</summary>
public sealed record PhiloxVector(IReadOnlyList<uint> Counter, IReadOnlyList<uint> Key, IReadOnlyList<uint> Words);

/// <summary>A row of logits: a rule for all ids, and values set one by one.</summary>
/// <param name="Name">Name that cases refer to.</param>
/// <param name="Multiplier">logit[id] = (((id · multiplier mod 2³²) ÷ 65,536) mod levels) ÷ 64 − minus, with whole-number divisions but the last.</param>
/// <param name="Levels">See <paramref name="Multiplier"/>.</param>
/// <param name="Minus">See <paramref name="Multiplier"/>.</param>
/// <param name="Set">[id, logit] pairs that replace the rule; multiples of 1/64.</param>
public sealed record LogitSet(string Name, uint Multiplier, uint Levels, double Minus, IReadOnlyList<double[]> Set)
{
    /// <summary>The logits, each a multiple of 1/64 below 64 in size.</summary>
    public double[] Expand(int vocabulary)
    {
        var values = new double[vocabulary];
        for (var id = 0; id < vocabulary; id++)
        {
            values[id] = (((uint)id * Multiplier / 65536 % Levels) / 64.0) - Minus;
        }

        foreach (var pair in Set)
        {
            values[(int)pair[0]] = pair[1];
        }

        return values;
    }
}

/// <summary>One output and what it must give.</summary>
public sealed record SamplingCase
{
    /// <summary>What it is about.</summary>
    public required string Name { get; init; }

    /// <summary>Name of its logits.</summary>
    public required string Logits { get; init; }

    /// <summary>Temperature.</summary>
    public float Temperature { get; init; }

    /// <summary>top_p.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>top_k.</summary>
    public int TopK { get; init; }

    /// <summary>min_p.</summary>
    public float MinP { get; init; }

    /// <summary>Repetition penalty.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Presence penalty.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Frequency penalty.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>[token, occurrences in the output] of every token seen.</summary>
    public IReadOnlyList<int[]>? Seen { get; init; }

    /// <summary>[token, bias].</summary>
    public IReadOnlyList<double[]>? Biases { get; init; }

    /// <summary>[first, last, step] of the tokens that may be taken; all of them when there is none.</summary>
    public IReadOnlyList<int[]>? Allowed { get; init; }

    /// <summary>Seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>First counter.</summary>
    public uint OutputIndex { get; init; }

    /// <summary>Second counter.</summary>
    public uint ChoiceIndex { get; init; }

    /// <summary>The token to score, or −1.</summary>
    public int Target { get; init; } = -1;

    /// <summary>The expected token.</summary>
    public int Token { get; init; }

    /// <summary>Its expected logprob.</summary>
    public double Logprob { get; init; }

    /// <summary>The ids of the most likely tokens.</summary>
    public IReadOnlyList<int>? TopIds { get; init; }

    /// <summary>Their logprobs.</summary>
    public IReadOnlyList<double>? TopLogprobs { get; init; }

    /// <summary>How far the closest decision was from falling otherwise.</summary>
    public double Margin { get; init; }
}

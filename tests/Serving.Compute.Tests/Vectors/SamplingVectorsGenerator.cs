using Serving.Compute.Numerics;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Vectors;

/// <summary>Makes the content of <c>Vectors/sampling.json</c> with the double-precision sampler. A case whose decision is close takes the next output index.</summary>
internal static class SamplingVectorsGenerator
{
    /// <summary>Smallest accepted margin: a hundred times what fp32 sums over this vocabulary round.</summary>
    public const double Margin = 1e-4;

    private const int Vocabulary = 3000;

    private static readonly string[] About =
    [
        "What every backend's sampler must give. Written by SamplingVectorsGenerator (double precision, sorting), checked against it by SamplingVectorsTests.",
        "philox: known answers of Philox4x32-10 from the Random123 distribution; counter, key and result words, word 0 first.",
        "u of a case = (word 0 at counter (output_index, choice_index, 0, 0), key = seed with its lower half as word 0) >> 8, times 2^-24.",
        "logits: sets over `vocabulary` ids. logit[id] = ((((id * multiplier) mod 2^32) / 65536) mod levels) / 64 - minus (whole-number divisions, but /64 exact), then set: [id, logit].",
        "Every logit is a multiple of 1/64 below 64 in size: exact as the sum of two bf16 values.",
        "cases: parameters under their names in the API (top_k 0, top_p 1, min_p 0, penalties 1, 0, 0 are off; temperature below 1e-5 is greedy), seen: [token, count in the output],",
        "allowed: [first, last, step] of the tokens that may be taken (all when there is none).",
        "biases: [token, bias], target: token to score or -1. Expected: token, exactly; logprob of it and top_ids (exactly) with top_logprobs, log-softmax of the raw logits, within 1e-4.",
        "margin: relative distance of the closest decision from its alternative, at least 1e-4, so that fp32 cannot fall to the other side.",
    ];

    private static readonly LogitSet[] Sets =
    [
        new("spread", 2654435761, 1024, 8, []),
        new("peaked", 2246822519, 512, 8, [[2999, 9.5], [0, 9.25], [1023, 8], [1024, 8], [2047, 7.5], [2048, 7.5]]),
        new("flat", 0, 1, 0, []),
        new("ties", 3266489917, 4, 1, []),
        new("two", 0, 1, 60, [[17, 3.5], [2500, 3]]),
        new("last block", 0, 1, 60, [[2997, 1], [2998, 1.5], [2999, 1.25]]),
        new("negative", 668265263, 640, 40, []),
    ];

    /// <summary>The whole file.</summary>
    public static SamplingVectors Generate() => new(About, Philox(), Vocabulary, Sets, [.. Cases().Select(Answer)]);

    private static PhiloxVector[] Philox() =>
    [
        new([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        new([0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF], [0xFFFFFFFF, 0xFFFFFFFF], [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        new([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ];

    private static IEnumerable<SamplingCase> Cases()
    {
        var seed = 1UL;
        foreach (var shapes in (Func<string, IEnumerable<SamplingCase>>[])[Shapes, MaskedShapes])
        {
            foreach (var shape in Sets.SelectMany(set => shapes(set.Name)))
            {
                for (var i = 0u; i < (shape.Temperature < 1e-5f || shape.Target >= 0 ? 1 : 3); i++)
                {
                    seed = unchecked((seed * 6364136223846793005) + 1442695040888963407);
                    yield return shape with { Seed = seed, OutputIndex = i * 1000, ChoiceIndex = i };
                }
            }
        }
    }

    private static IEnumerable<SamplingCase> Shapes(string logits)
    {
        var plain = new SamplingCase { Name = "plain", Logits = logits, Temperature = 1 };
        int[] top = [.. new int[20]];
        yield return plain with { Name = "greedy", Temperature = 0, TopIds = top };
        yield return plain with { Name = "almost greedy", Temperature = 9e-6f };
        yield return plain with { Name = "scored", Target = 1717, TopIds = top[..5] };
        yield return plain;
        yield return plain with { Name = "warm", Temperature = 1.75f, TopIds = top[..1] };
        yield return plain with { Name = "cool", Temperature = 0.3f };
        yield return plain with { Name = "min_p", MinP = 0.23f };
        yield return plain with { Name = "top_k", TopK = 50 };
        yield return plain with { Name = "top_k 1", TopK = 1 };
        yield return plain with { Name = "top_k above vocabulary", TopK = 100_000 };
        yield return plain with { Name = "top_p", TopP = 0.9f };
        yield return plain with { Name = "small top_p", TopP = 0.01f, Temperature = 0.7f };
        yield return plain with { Name = "all filters", MinP = 0.011f, TopK = 300, TopP = 0.8f, Temperature = 0.9f };
        yield return plain with { Name = "biased", Biases = [[2000, 30], [2001, 30], [17, -20]] };
        yield return plain with { Name = "biased, greedy", Temperature = 0, Biases = [[1999, 40], [5, 40], [17, -20]] };
        yield return plain with { Name = "repetition, greedy", Temperature = 0, RepetitionPenalty = 1.5f, Seen = [[2999, 0], [0, 2], [17, 1], [2998, 1]] };
        yield return plain with { Name = "frequency and presence, greedy", Temperature = 0, FrequencyPenalty = 0.6f, PresencePenalty = 0.3f, Seen = [[2999, 4], [0, 0], [17, 1], [2998, 2]] };
        yield return Everything(logits);
    }

    private static IEnumerable<SamplingCase> MaskedShapes(string logits)
    {
        var plain = new SamplingCase { Name = "masked", Logits = logits, Temperature = 1 };
        int[] top = [.. new int[20]];
        int[] thirds = [1, 2998, 3];
        int[] lastWord = [2976, 2999, 1];
        yield return plain with { Allowed = [thirds] };
        yield return plain with { Name = "masked, greedy", Temperature = 0, Allowed = [thirds, lastWord], TopIds = top };
        yield return plain with { Name = "masked, scored", Target = 1718, Allowed = [thirds], TopIds = top[..1] };
        yield return plain with { Name = "masked, all but one", Temperature = 0.7f, Allowed = [[0, 1022, 1], [1024, 2999, 1]] };
        yield return plain with { Name = "masked, whole words and ends of words", Temperature = 1.5f, Allowed = [[31, 96, 1], [1023, 1056, 1], [2047, 2048, 1], [2495, 2527, 2]], TopIds = top[..5] };
        yield return plain with { Name = "masked, last word", Allowed = [lastWord] };
        yield return plain with { Name = "masked, min_p", MinP = 0.23f, Allowed = [thirds, lastWord] };
        yield return plain with { Name = "masked, top_k", TopK = 50, Allowed = [thirds] };
        yield return plain with { Name = "masked, top_k above what is allowed", TopK = 50, Allowed = [[40, 60, 5], lastWord] };
        yield return plain with { Name = "masked, top_p", TopP = 0.9f, Allowed = [thirds] };
        yield return plain with { Name = "masked, all filters", MinP = 0.011f, TopK = 300, TopP = 0.8f, Temperature = 0.9f, Allowed = [thirds, [640, 1279, 1]] };
        yield return plain with { Name = "one allowed", Temperature = 1.2f, Allowed = [[2976, 2976, 1]] };
        yield return plain with { Name = "one allowed, all filters", MinP = 0.5f, TopK = 3, TopP = 0.5f, Allowed = [[1055, 1055, 1]] };
        yield return plain with { Name = "one allowed, greedy", Temperature = 0, Allowed = [[31, 31, 1]] };
        yield return plain with { Name = "biased towards what is forbidden", Biases = [[2000, 60], [2001, 60], [17, -20]], Allowed = [[0, 1999, 1], [2002, 2999, 1]] };
        yield return plain with { Name = "biased towards what is forbidden, greedy", Temperature = 0, Biases = [[1999, 60], [5, 60]], Allowed = [[0, 4, 1], [6, 1998, 1]] };
        yield return Everything(logits) with { Name = "everything, masked", Allowed = [[0, 2999, 17], thirds] };
    }

    private static SamplingCase Everything(string logits) => new()
    {
        Name = "everything",
        Logits = logits,
        Temperature = 0.8f,
        MinP = 0.0123f,
        TopK = 700,
        TopP = 0.95f,
        RepetitionPenalty = 1.2f,
        FrequencyPenalty = 0.37f,
        PresencePenalty = -0.41f,
        Seen = [[2999, 4], [0, 0], [17, 1], [2998, 2], [1023, 7], [1024, 0]],
        Biases = [[3, 1.5], [2048, -2.25], [1023, 0.75]],
    };

    private static SamplingCase Answer(SamplingCase test)
    {
        var logits = Sets.Single(set => set.Name == test.Logits).Expand(Vocabulary);
        var choice = new ReferenceChoice(test.Target, 1);
        if (test.Target < 0)
        {
            (test, choice) = FarFromOthers(test, logits);
        }

        var logprobs = ReferenceSampler.Logprobs(logits);
        var top = Enumerable.Range(0, Vocabulary).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(test.TopIds?.Count ?? 0).ToArray();
        return test with
        {
            Token = choice.Token,
            Margin = Math.Round(Math.Min(choice.Margin, 1), 6),
            Logprob = Math.Round(logprobs[choice.Token], 8),
            TopIds = test.TopIds is null ? null : top,
            TopLogprobs = test.TopIds is null ? null : [.. top.Select(id => Math.Round(logprobs[id], 8))],
        };
    }

    /// <summary>Moves the output index, and top_p a little, until no decision is close.</summary>
    private static (SamplingCase Test, ReferenceChoice Choice) FarFromOthers(SamplingCase test, double[] logits)
    {
        for (var attempt = 0u; attempt < 999; attempt++)
        {
            var topP = test.TopP < 1 ? test.TopP + (attempt / 8 * 0.00007f) : 1;
            var moved = test with { OutputIndex = test.OutputIndex + attempt, TopP = topP };
            var u = Philox4x32.Uniform(moved.Seed, moved.OutputIndex, moved.ChoiceIndex);
            var choice = ReferenceSampler.Sample(logits, moved.ToRow(), moved.ToPenalties(), moved.ToBiases(), moved.ToMask(Vocabulary), u);
            if (choice.Margin >= Margin)
            {
                return (moved, choice);
            }
        }

        throw new InvalidOperationException($"{test.Logits}, {test.Name}: no random number is far from every boundary.");
    }
}

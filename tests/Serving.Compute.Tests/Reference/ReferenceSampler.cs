using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Reference;

/// <summary>A token and how far the choice was from falling otherwise.</summary>
/// <param name="Token">The token.</param>
/// <param name="Margin">The smallest relative distance of any comparison that decided it; what fp32 rounds must stay well below it.</param>
public readonly record struct ReferenceChoice(int Token, double Margin);

/// <summary>
/// Sampling in double precision by sorting, written from the documented order alone, and the distance of every decision from its alternative.
/// </summary>
public static class ReferenceSampler
{
    /// <summary>The token that a row of logits gives at the random number <paramref name="u"/>; an empty mask allows all.</summary>
    public static ReferenceChoice Sample(double[] logits, SampleRow row, IReadOnlyList<PenaltyToken> penalties, IReadOnlyList<TokenBias> biases, uint[] mask, double u)
    {
        bool Allows(int id) => mask.Length == 0 || ((mask[id / 32] >> (id % 32)) & 1) != 0;
        var values = Adjusted(logits, row, penalties, biases).Select((value, id) => Allows(id) ? value : double.NegativeInfinity).ToArray();
        var order = Enumerable.Range(0, values.Length).OrderByDescending(id => values[id]).ThenBy(id => id).ToArray();
        if (row.Temperature < 1e-5)
        {
            return new ReferenceChoice(order[0], Gap(values[order[0]], values[order[1]]));
        }

        var margin = double.MaxValue;
        var p = values.Select(value => Math.Exp((value - values[order[0]]) / row.Temperature)).ToArray();
        var kept = order.Where(id => Allows(id) && p[id] >= row.MinP).ToArray();
        if (row.MinP > 0)
        {
            margin = p.Where(value => value < 1).Select(value => Math.Abs((value / row.MinP) - 1)).DefaultIfEmpty(1).Min();
        }

        if (row.TopK > 0 && row.TopK < kept.Length)
        {
            margin = Math.Min(margin, Gap(values[kept[row.TopK - 1]], values[kept[row.TopK]]));
            kept = kept[..row.TopK];
        }

        if (row.TopP < 1)
        {
            kept = Nucleus(kept, p, row.TopP, ref margin);
        }

        return Draw(kept, p, u, margin);
    }

    /// <summary>ln softmax of the raw logits.</summary>
    public static double[] Logprobs(double[] logits)
    {
        var largest = logits.Max();
        var normaliser = largest + Math.Log(logits.Sum(value => Math.Exp(value - largest)));
        return [.. logits.Select(value => value - normaliser)];
    }

    private static double[] Adjusted(double[] logits, SampleRow row, IReadOnlyList<PenaltyToken> penalties, IReadOnlyList<TokenBias> biases)
    {
        var values = logits.ToArray();
        foreach (var bias in biases)
        {
            values[bias.Token] += bias.Bias;
        }

        foreach (var seen in penalties)
        {
            var value = values[seen.Token];
            value = value > 0 ? value / row.RepetitionPenalty : value * row.RepetitionPenalty;
            value -= seen.OutputCount * row.FrequencyPenalty;
            values[seen.Token] = value - (seen.OutputCount > 0 ? row.PresencePenalty : 0);
        }

        return values;
    }

    private static int[] Nucleus(int[] kept, double[] p, double topP, ref double margin)
    {
        var total = kept.Sum(id => p[id]);
        var sum = 0.0;
        for (var i = 0; i < kept.Length; i++)
        {
            var before = sum;
            sum += p[kept[i]];
            if (sum >= topP * total)
            {
                margin = Math.Min(margin, Math.Min(sum - (topP * total), (topP * total) - before) / total);
                return kept[..(i + 1)];
            }
        }

        return kept;
    }

    private static ReferenceChoice Draw(int[] kept, double[] p, double u, double margin)
    {
        var target = u * kept.Sum(id => p[id]);
        var sum = 0.0;
        foreach (var id in kept.Order())
        {
            var before = sum;
            sum += p[id];
            if (sum > target)
            {
                // One kept token is chosen whatever u is.
                var distance = kept.Length == 1 ? 1 : Math.Min(sum - target, target - before) / Math.Max(target, p[id]);
                return new ReferenceChoice(id, Math.Min(margin, distance));
            }
        }

        return new ReferenceChoice(kept.Max(), 0);
    }

    /// <summary>Equal values are told apart by their ids, which nothing rounds; others by their distance.</summary>
    private static double Gap(double a, double b) => a == b ? double.MaxValue : Math.Abs(a - b);
}

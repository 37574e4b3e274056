using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Numerics;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Sampling;

/// <summary>Draws one token from a row of logits, in the order that <see cref="SampleRow"/> documents.</summary>
internal static unsafe class RowSampler<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const float GreedyTemperature = 1e-5f;
    private const int Block = 1024;

    /// <summary>The sampled token.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="row">How.</param>
    /// <param name="inputs">What its ranges refer to.</param>
    /// <param name="pending">A token that is in the output once more than the penalties' entries say; −1 is none.</param>
    /// <param name="scratch">The worker's.</param>
    public static int Sample(float* logits, in SampleRow row, StepInputs inputs, int pending, SamplerScratch scratch)
    {
        var values = scratch.Values;
        var count = scratch.VocabularySize;
        var mask = inputs.Masks.Slice(row.FirstMask, row.MaskWords);
        TokenMask.CopyAllowed(new ReadOnlySpan<float>(logits, count), new Span<float>(values, count), mask);
        foreach (var bias in inputs.Biases.Slice(row.FirstBias, row.BiasCount))
        {
            values[bias.Token] += bias.Bias;
        }

        Penalise(values, row, inputs.Penalties.Slice(row.FirstPenalty, row.PenaltyCount), pending);
        var best = LogitKernel<TL, TV>.ArgMax(values, count);
        if (row.Temperature < GreedyTemperature)
        {
            return best;
        }

        LogitKernel<TL, TV>.Exponentiate(values, count, values[best], row.Temperature);
        if (row.MinP > 0)
        {
            LogitKernel<TL, TV>.ZeroBelow(values, count, row.MinP);
        }

        if (row.TopK > 0 && row.TopK < count)
        {
            RankSelection.KeepCount(values, count, row.TopK, scratch.Bins);
        }

        if (row.TopP < 1)
        {
            RankSelection.KeepMass(values, count, row.TopP * Mass(values, count), scratch.Bins);
        }

        return Draw(values, count, Philox4x32.Uniform(row.Seed, row.OutputIndex, row.ChoiceIndex), best);
    }

    private static void Penalise(float* values, in SampleRow row, ReadOnlySpan<PenaltyToken> penalties, int pending)
    {
        var counted = pending < 0 || penalties.IsEmpty;
        foreach (var seen in penalties)
        {
            var again = seen.Token == pending;
            values[seen.Token] = Penalised(values[seen.Token], seen.OutputCount + (again ? 1 : 0), row);
            counted |= again;
        }

        if (!counted)
        {
            values[pending] = Penalised(values[pending], 1, row);
        }
    }

    private static float Penalised(float value, int outputCount, in SampleRow row)
    {
        value = value > 0 ? value / row.RepetitionPenalty : value * row.RepetitionPenalty;
        if (outputCount > 0)
        {
            value -= outputCount * row.FrequencyPenalty;
            value -= row.PresencePenalty;
        }

        return value;
    }

    private static double Mass(float* values, int count)
    {
        var mass = 0.0;
        for (var i = 0; i < count; i++)
        {
            mass += values[i];
        }

        return mass;
    }

    /// <summary>
    /// The first id at which the cumulative sum in id order exceeds u times the whole. Sums are fp32: within a block of 1,024 ids from zero, then over the blocks.
    /// </summary>
    private static int Draw(float* values, int count, float u, int best)
    {
        var total = 0f;
        for (var block = 0; block < count; block += Block)
        {
            total += BlockSum(values, block, Math.Min(count, block + Block));
        }

        var target = u * total;
        var before = 0f;
        var last = best;
        for (var block = 0; block < count; block += Block)
        {
            var end = Math.Min(count, block + Block);
            var sum = BlockSum(values, block, end);
            if (before + sum > target)
            {
                var within = 0f;
                for (var i = block; i < end; i++)
                {
                    within += values[i];
                    last = values[i] > 0 ? i : last;
                    if (before + within > target)
                    {
                        return i;
                    }
                }
            }

            before += sum;
        }

        // Rounding can keep every sum at the target; the last token that was kept is then the one that u means.
        return last;
    }

    private static float BlockSum(float* values, int first, int end)
    {
        var sum = 0f;
        for (var i = first; i < end; i++)
        {
            sum += values[i];
        }

        return sum;
    }
}

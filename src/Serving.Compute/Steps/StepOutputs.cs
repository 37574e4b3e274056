namespace Serving.Compute.Steps;

/// <summary>What a step gives back, one entry per output of its inputs. Filled again for every step.</summary>
public sealed class StepOutputs
{
    /// <summary>Takes the arrays for steps within <paramref name="limits"/>.</summary>
    /// <param name="limits">The largest step.</param>
    /// <param name="vocabularySize">Columns of the logits, where they are kept.</param>
    /// <param name="keepLogits">Keep the raw logits too (tests and diagnosis; vocabulary × outputs floats).</param>
    /// <param name="hiddenSize">Columns of hidden states, where steps may ask for some; 0 where none does.</param>
    public StepOutputs(StepLimits limits, int vocabularySize, bool keepLogits = false, int hiddenSize = 0)
    {
        ArgumentNullException.ThrowIfNull(limits);
        TokenIds = new int[limits.MaxOutputs];
        Logprobs = new float[limits.MaxOutputs];
        TopIds = new int[limits.MaxOutputs * SampleRow.MaxTopLogprobs];
        TopLogprobs = new float[limits.MaxOutputs * SampleRow.MaxTopLogprobs];
        Hidden = new float[checked(limits.MaxSequences * hiddenSize)];
        Logits = keepLogits ? new float[checked((long)limits.MaxOutputs * vocabularySize)] : null;
    }

    /// <summary>The sampled token (the target token where one was scored).</summary>
    public int[] TokenIds { get; }

    /// <summary>Its logprob, where logprobs were asked for.</summary>
    public float[] Logprobs { get; }

    /// <summary>[output, 20]: the most likely tokens by raw logits, highest first, lowest id first among equals; as many as were asked for.</summary>
    public int[] TopIds { get; }

    /// <summary>[output, 20]: their logprobs.</summary>
    public float[] TopLogprobs { get; }

    /// <summary>
    /// [i, hidden size]: what the logits of output <see cref="StepInputs.HiddenOutputs"/>[i] are computed from, the row behind the model's last norm, in bf16 written as fp32.
    /// Empty where nobody asks for any.
    /// </summary>
    public float[] Hidden { get; }

    /// <summary>[output, vocabulary]: the raw logits, or null when they are not kept.</summary>
    public float[]? Logits { get; }
}

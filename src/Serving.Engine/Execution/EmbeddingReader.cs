using Serving.Compute.Steps;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>Reads embeddings out of a step's outputs.</summary>
public sealed class EmbeddingReader(StepOutputs outputs, int hiddenSize)
{
    /// <summary>The embedding that a hidden state is.</summary>
    /// <param name="hidden">Which of the step's hidden states.</param>
    /// <param name="options">What it is to be like.</param>
    public float[] Read(int hidden, EmbeddingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var state = outputs.Hidden.AsSpan(hidden * hiddenSize, options.Dimensions ?? hiddenSize);
        return options.Normalize ? Normalized(state) : state.ToArray();
    }

    /// <summary>A vector scaled to length 1, computed in double precision in the order of its elements; one of zeros stays as it is.</summary>
    public static float[] Normalized(ReadOnlySpan<float> vector)
    {
        var sum = 0.0;
        foreach (var element in vector)
        {
            sum += (double)element * element;
        }

        var factor = sum > 0 ? 1 / Math.Sqrt(sum) : 0;
        var normalized = new float[vector.Length];
        for (var i = 0; i < normalized.Length; i++)
        {
            normalized[i] = (float)(vector[i] * factor);
        }

        return normalized;
    }
}

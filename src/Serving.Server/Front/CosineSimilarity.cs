namespace Serving.Server.Front;

/// <summary>How alike two embeddings of length 1 are.</summary>
internal static class CosineSimilarity
{
    /// <summary>The cosine of the angle between them, from -1 to 1: the sum of products in double, in order, so that it is the same wherever it is computed.</summary>
    public static float Of(IReadOnlyList<float> first, IReadOnlyList<float> second)
    {
        var sum = 0.0;
        for (var i = 0; i < first.Count; i++)
        {
            sum += (double)first[i] * second[i];
        }

        return (float)Math.Clamp(sum, -1, 1);
    }
}

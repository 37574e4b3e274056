namespace Serving.Compute.Managed.Sampling;

/// <summary>Which tokens may be taken: a bit each.</summary>
internal static class TokenMask
{
    private const int WordTokens = 32;

    /// <summary>
    /// Copies the logits of allowed tokens; others become −∞. Biases and penalties are finite and leave it that, so that this comes to the same before them as behind them.
    /// </summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="values">[vocabulary].</param>
    /// <param name="mask">A word per 32 tokens; empty allows all.</param>
    public static void CopyAllowed(ReadOnlySpan<float> logits, Span<float> values, ReadOnlySpan<uint> mask)
    {
        if (mask.IsEmpty)
        {
            logits.CopyTo(values);
            return;
        }

        for (var first = 0; first < logits.Length; first += WordTokens)
        {
            var count = Math.Min(WordTokens, logits.Length - first);
            CopyWord(logits.Slice(first, count), values.Slice(first, count), mask[first / WordTokens]);
        }
    }

    private static void CopyWord(ReadOnlySpan<float> logits, Span<float> values, uint word)
    {
        if (word == uint.MaxValue)
        {
            logits.CopyTo(values);
            return;
        }

        values.Fill(float.NegativeInfinity);
        for (var i = 0; word != 0 && i < logits.Length; i++, word >>= 1)
        {
            values[i] = (word & 1) != 0 ? logits[i] : float.NegativeInfinity;
        }
    }
}

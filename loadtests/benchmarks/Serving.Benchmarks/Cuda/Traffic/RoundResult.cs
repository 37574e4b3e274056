namespace Serving.Benchmarks.Cuda;

/// <summary>What a round came to.</summary>
/// <param name="Seconds">How long it took.</param>
/// <param name="OutputTokens">Tokens generated.</param>
/// <param name="Steps">Steps begun.</param>
/// <param name="Loads">Adapters brought into the pool.</param>
/// <param name="BytesMoved">Bytes of the pages that these were copied to.</param>
internal readonly record struct RoundResult(double Seconds, long OutputTokens, long Steps, long Loads, long BytesMoved)
{
    /// <summary>Tokens generated per second.</summary>
    public double Rate => OutputTokens / Seconds;
}

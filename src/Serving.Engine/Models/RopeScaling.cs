namespace Serving.Engine.Models;

/// <summary>How the rotary frequencies of a model are stretched.</summary>
public abstract record RopeScaling;

/// <summary>Not at all.</summary>
public sealed record DefaultRope : RopeScaling;

/// <summary>Every frequency divided by <paramref name="Factor"/> (position interpolation, arXiv 2306.15595).</summary>
public sealed record LinearRope(double Factor) : RopeScaling;

/// <summary>Llama 3.1: long wavelengths divided by the factor, short ones kept, a smooth passage between (the model's published formula).</summary>
/// <param name="Factor">Divides frequencies of long wavelengths.</param>
/// <param name="LowFrequencyFactor">Wavelengths above original length ÷ this are long.</param>
/// <param name="HighFrequencyFactor">Wavelengths below original length ÷ this are short.</param>
/// <param name="OriginalPositions">Positions before stretching.</param>
public sealed record Llama3Rope(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalPositions) : RopeScaling;

/// <summary>
/// LongRoPE (arXiv 2402.13753): every frequency divided by a factor of its own, of two lists of which the longer context takes the long one, and cosines and sines multiplied
/// by <paramref name="Amplitude"/>. Which list it is, is a matter of the longest sequence that is served, and not of each sequence's length: keys are rotated once.
/// </summary>
/// <param name="Short">Factors up to <paramref name="OriginalPositions"/>, one for each rotated pair.</param>
/// <param name="Long">Factors beyond.</param>
/// <param name="OriginalPositions">Positions before stretching.</param>
/// <param name="Amplitude">Multiplies cosines and sines, with either list.</param>
public sealed record LongRope(IReadOnlyList<double> Short, IReadOnlyList<double> Long, int OriginalPositions, double Amplitude) : RopeScaling
{
    /// <summary>The factors for sequences of up to so many positions.</summary>
    public IReadOnlyList<double> FactorsFor(int positions) => positions > OriginalPositions ? Long : Short;
}

/// <summary>YaRN (arXiv 2309.00071): a ramp by number of rotations, and cosines and sines multiplied by <paramref name="Amplitude"/>.</summary>
/// <param name="Factor">Divides frequencies that rotate little.</param>
/// <param name="OriginalPositions">Positions before stretching.</param>
/// <param name="BetaFast">Pairs that rotate more often than this over the original length are kept.</param>
/// <param name="BetaSlow">Pairs that rotate less often are divided by the factor.</param>
/// <param name="Amplitude">Multiplies cosines and sines: the attention temperature.</param>
/// <param name="Truncate">Whether the ramp's ends are rounded to whole pairs.</param>
public sealed record YarnRope(double Factor, int OriginalPositions, double BetaFast, double BetaSlow, double Amplitude, bool Truncate) : RopeScaling;

/// <summary>Every pair's frequency divided by a factor of its own, as checkpoints say it that have the factors worked out.</summary>
/// <param name="Factors">The factors, one for each pair.</param>
public sealed record PairRope(IReadOnlyList<double> Factors) : RopeScaling;

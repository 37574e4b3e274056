namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Finds the delimiters of a split, one after another.</summary>
internal abstract class DelimiterScanner
{
    /// <summary>Finds the first delimiter that begins at <paramref name="from"/> or later.</summary>
    /// <param name="text">The whole piece; what lies before <paramref name="from"/> may be looked at.</param>
    /// <param name="from">Where to look, in UTF-16 units; never inside a surrogate pair.</param>
    /// <param name="length">The delimiter's length, which may be zero.</param>
    /// <returns>Where it begins, or -1.</returns>
    public abstract int Find(ReadOnlySpan<char> text, int from, out int length);
}

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>Finds something in a text, one match after another. Immutable.</summary>
internal abstract class TextScanner
{
    /// <summary>Makes a text ready for many searches; null when the text itself is.</summary>
    public virtual ScalarText? Prepare(ReadOnlySpan<char> text) => null;

    /// <summary>Finds the first match that begins at <paramref name="from"/> or later.</summary>
    /// <param name="text">The whole text; what lies before <paramref name="from"/> may be looked at.</param>
    /// <param name="prepared">What <see cref="Prepare"/> gave for the text.</param>
    /// <param name="from">Where to look, in UTF-16 units; never inside a surrogate pair.</param>
    /// <param name="length">The match's length, which may be zero.</param>
    /// <returns>Where it begins, or -1.</returns>
    public abstract int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length);
}

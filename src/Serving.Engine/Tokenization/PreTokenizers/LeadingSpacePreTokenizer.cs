namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Puts a space before a piece that does not begin with one (<c>add_prefix_space</c> of ByteLevel).</summary>
internal sealed class LeadingSpacePreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next) =>
        next.Accept(text[0] == ' ' ? text : string.Concat(" ", text), atStart);
}

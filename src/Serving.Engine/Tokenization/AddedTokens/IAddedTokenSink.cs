namespace Serving.Engine.Tokenization.AddedTokens;

/// <summary>Takes what <see cref="AddedTokenSplitter"/> finds.</summary>
internal interface IAddedTokenSink
{
    /// <summary>A run of plain text, never empty, valid only during the call.</summary>
    /// <param name="text">The run.</param>
    /// <param name="first">Whether it begins where the text that was split begins.</param>
    void OnText(ReadOnlySpan<char> text, bool first);

    /// <summary>An added token.</summary>
    void OnToken(int id);
}

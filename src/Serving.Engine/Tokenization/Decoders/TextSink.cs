using System.Text;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>The end of a chain: the text that is certain and not yet taken.</summary>
internal sealed class TextSink : TokenSink
{
    private readonly StringBuilder _text = new();

    /// <summary>Hands over the text and forgets it.</summary>
    public string Take()
    {
        if (_text.Length == 0)
        {
            return string.Empty;
        }

        var text = _text.ToString();
        _text.Clear();
        return text;
    }

    /// <inheritdoc/>
    public override void Append(ReadOnlySpan<char> fragment) => _text.Append(fragment);

    /// <inheritdoc/>
    public override void EndToken()
    {
    }

    /// <inheritdoc/>
    public override void Finish()
    {
    }
}

using System.Text;
using Serving.Engine.Tokenization.Decoders;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Decodes an answer token by token. What comes out is certain: never half a character, and put together always
/// exactly <see cref="Tokenizer.Decode"/> of all ids. The work per token follows its own length. Belongs to one answer, not thread-safe.
/// </summary>
public sealed class IncrementalDetokenizer
{
    private readonly TokenTable _table;
    private readonly bool _skipSpecialTokens;
    private readonly SpokenTokens? _spoken;
    private readonly TextSink _text = new();
    private readonly TokenSink _first;
    private readonly ByteSink? _firstBytes;

    /// <summary>Begins an answer.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="skipSpecialTokens">Whether special tokens have no text.</param>
    /// <param name="spoken">Special tokens that have theirs in any case.</param>
    public IncrementalDetokenizer(Tokenizer tokenizer, bool skipSpecialTokens, SpokenTokens? spoken = null)
    {
        _table = tokenizer.Parts.Table;
        _skipSpecialTokens = skipSpecialTokens;
        _spoken = spoken;
        _first = _text;
        for (var i = tokenizer.Parts.Decoders.Count - 1; i >= 0; i--)
        {
            _first = tokenizer.Parts.Decoders[i].Attach(_first);
        }

        _firstBytes = _first as ByteSink;
    }

    /// <summary>Takes a token; returns the text that has become certain, often empty.</summary>
    public string Append(int id)
    {
        Push(id);
        return _text.Take();
    }

    /// <summary>Ends the answer; returns what was held back. Nothing may be appended afterwards.</summary>
    public string Flush()
    {
        _first.Finish();
        return _text.Take();
    }

    /// <summary>A whole answer at once.</summary>
    internal string All(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            Push(id);
        }

        return Flush();
    }

    private void Push(int id)
    {
        var isSpoken = _spoken?.Ids.Contains(id) == true;
        if (_table.Token(id) is not { } token || (_skipSpecialTokens && _table.IsSpecial(id) && !isSpoken))
        {
            return;
        }

        var mark = isSpoken ? _spoken!.Mark : "";
        if (_firstBytes is not null)
        {
            if (mark.Length > 0)
            {
                _firstBytes.AppendToken(Encoding.UTF8.GetBytes(mark));
            }

            _firstBytes.AppendToken(_table.Bytes(id));
            return;
        }

        _first.Append(mark.Length == 0 ? token : mark + token);
        _first.EndToken();
    }
}

using System.Text;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>
/// Turns a word's characters into its first symbols: the token of the character, else the tokens of its bytes, else the unknown
/// token, which waits for its neighbours when unknown ones are fused.
/// </summary>
internal ref struct SymbolWriter(BpeVocabulary vocabulary, BpeOptions options, BpeMerger merger)
{
    private bool _unknownWaits;

    /// <summary>Adds the symbols of the word's next character.</summary>
    public void Add(Rune character, bool first, bool last)
    {
        var prefix = first ? string.Empty : options.Prefix;
        var suffix = last ? options.Suffix : string.Empty;
        var decorated = prefix.Length + suffix.Length > 0 ? $"{prefix}{character}{suffix}" : null;
        var id = decorated is null ? vocabulary.Find(character) : vocabulary.Find(decorated);
        if (id >= 0)
        {
            FlushUnknown();
            merger.Add(id);
        }
        else if (!options.ByteFallback || !AddBytes(decorated ?? character.ToString()))
        {
            AddUnknown();
        }
    }

    /// <summary>Adds the unknown token that waits, if one does.</summary>
    public void FlushUnknown()
    {
        if (_unknownWaits)
        {
            merger.Add(options.UnknownId);
            _unknownWaits = false;
        }
    }

    private readonly bool AddBytes(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        foreach (var value in bytes)
        {
            if (vocabulary.FindByte(value) < 0)
            {
                return false;
            }
        }

        foreach (var value in bytes)
        {
            merger.Add(vocabulary.FindByte(value));
        }

        return true;
    }

    private void AddUnknown()
    {
        if (options.UnknownId < 0)
        {
            return;
        }

        if (!options.FuseUnknown)
        {
            FlushUnknown();
        }

        _unknownWaits = true;
    }
}

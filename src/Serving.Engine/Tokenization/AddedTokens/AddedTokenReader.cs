using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization.AddedTokens;

/// <summary>Collects the added tokens of tokenizer.json and of tokenizer_config.json; of one content the first counts.</summary>
internal sealed class AddedTokenReader(IReadOnlyDictionary<string, int> vocabulary)
{
    /// <summary>Marks text that must not become a special token (<c>Tokenizer.Guard</c>), so no token may contain it.</summary>
    public const char Mark = '\uFDD0';

    private readonly Dictionary<string, AddedToken> _byContent = new(StringComparer.Ordinal);
    private int _chars;

    public IReadOnlyDictionary<string, AddedToken> Tokens => _byContent;

    /// <summary>Reads <c>added_tokens</c> of tokenizer.json.</summary>
    public void AddFromTokenizer(JsonView list)
    {
        foreach (var item in list.Items())
        {
            Add(item, item.Int("id", TokenizerLimits.Ids));
        }
    }

    /// <summary>Reads <c>added_tokens_decoder</c> of tokenizer_config.json.</summary>
    public void AddFromConfig(JsonView map)
    {
        foreach (var (name, item) in map.Members())
        {
            if (!int.TryParse(name, out var id) || id < 0 || id >= TokenizerLimits.Ids)
            {
                throw map.Fail("a member's name must be a token id");
            }

            Add(item, id);
        }
    }

    /// <summary>Makes a token of the vocabulary special, because the config calls it bos, eos, pad or such.</summary>
    public void AddSpecial(string content)
    {
        if (content.Length > 0 && !_byContent.ContainsKey(content) && vocabulary.TryGetValue(content, out var id))
        {
            Add(new AddedToken(id, content, SingleWord: false, LeftStrip: false, RightStrip: false, Normalized: false, Special: true));
        }
    }

    private void Add(JsonView item, int id)
    {
        var content = item.Get("content").AsToken();
        var special = item.Bool("special", false);
        if (content.Contains(Mark))
        {
            throw item.Fail("a token must not contain U+FDD0");
        }

        Add(new AddedToken(
            vocabulary.GetValueOrDefault(content, id),
            content,
            item.Bool("single_word", false),
            item.Bool("lstrip", false),
            item.Bool("rstrip", false),
            item.Bool("normalized", !special),
            special));
        if (_byContent.Count > TokenizerLimits.AddedTokens || _chars > TokenizerLimits.AddedTokenChars)
        {
            throw item.Fail("too many added tokens");
        }
    }

    private void Add(AddedToken token)
    {
        if (token.Content.Length > 0 && _byContent.TryAdd(token.Content, token))
        {
            _chars += token.Content.Length;
        }
    }
}

using System.Text;
using Serving.Engine.Tokenization.Decoders;
using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization;

/// <summary>
/// A Hugging Face tokenizer, read from <c>tokenizer.json</c> and <c>tokenizer_config.json</c>. Immutable and safe to share between
/// threads. Ids, splits and texts are those of the Rust <c>tokenizers</c> library.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly TokenizerConfig _config;
    private readonly TextEncoder _encoder;
    private readonly SpecialTokenGuard _guard;

    private Tokenizer(TokenizerParts parts, TokenizerConfig config, string? chatTemplate)
    {
        _parts = parts;
        _config = config;
        _encoder = new TextEncoder(parts);
        _guard = new SpecialTokenGuard(parts.Added.Values, _encoder);
        ChatTemplate = chatTemplate ?? config.ChatTemplate;
        ToolChatTemplate = chatTemplate is null ? config.ToolChatTemplate : null;
        BosTokenId = BosToken is { } bos && TryGetId(bos, out var id) ? id : null;
        EosTokenId = EosToken is { } eos && TryGetId(eos, out id) ? id : null;
    }

    /// <summary>One more than the highest token id; some ids below may have no token.</summary>
    public int VocabularySize => _parts.Table.Count;

    /// <summary>The token that begins a text, as tokenizer_config.json names it.</summary>
    public string? BosToken => _config.BosToken;

    /// <summary>The id of <see cref="BosToken"/>; null when there is none or the vocabulary lacks it.</summary>
    public int? BosTokenId { get; }

    /// <summary>The token that ends a text, as tokenizer_config.json names it.</summary>
    public string? EosToken => _config.EosToken;

    /// <summary>The id of <see cref="EosToken"/>; null when there is none or the vocabulary lacks it.</summary>
    public int? EosTokenId { get; }

    /// <summary>The Jinja chat template: chat_template.jinja if it is there, else the config's (the one named "default" of a list).</summary>
    public string? ChatTemplate { get; }

    /// <summary>Whether an answer is the bytes of its tokens, one after the other, but for a space that the first one may lose; else something is written between them.</summary>
    public bool TokensJoinPlainly => !_parts.Decoders.Any(static decoder => decoder is SpaceJoinDecoder);

    /// <summary>The template for conversations that offer tools, named "tool_use" in the config's list; null when there is none of its own.</summary>
    public string? ToolChatTemplate { get; }

    /// <summary>The parts, for this assembly.</summary>
    internal TokenizerParts Parts => _parts;

    /// <summary>Reads the tokenizer of a model folder.</summary>
    /// <exception cref="TokenizerFormatException">A file is missing, too large, malformed, or asks for what is not supported.</exception>
    public static Tokenizer Load(string folder)
    {
        var tokenizer = TokenizerFiles.Read(folder, "tokenizer.json", TokenizerLimits.JsonBytes)
            ?? throw new TokenizerFormatException("tokenizer.json is not in the model's folder");
        var config = TokenizerFiles.Read(folder, "tokenizer_config.json", TokenizerLimits.ConfigBytes);
        var template = TokenizerFiles.Read(folder, "chat_template.jinja", TokenizerLimits.ConfigBytes);
        return Parse(tokenizer, config, template is null ? null : Encoding.UTF8.GetString(template));
    }

    /// <summary>Reads a tokenizer from the bytes of its files; without a config there are no bos and eos tokens and no template.</summary>
    /// <exception cref="TokenizerFormatException">The bytes are malformed, or ask for what is not supported.</exception>
    public static Tokenizer Parse(ReadOnlySpan<byte> tokenizerJson, ReadOnlySpan<byte> tokenizerConfigJson = default) =>
        Parse(tokenizerJson, tokenizerConfigJson, chatTemplate: null);

    /// <summary>Encodes a text.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD, and U+FDD0 (see <see cref="Guard"/>) is left out.</param>
    /// <param name="addSpecialTokens">Whether the tokens that frame a text (bos, eos) are added.</param>
    /// <exception cref="TokenizerFormatException">A regular expression of the tokenizer's file takes longer than its limit on this text.</exception>
    public int[] EncodeToIds(string text, bool addSpecialTokens)
    {
        var ids = _encoder.Encode(text);
        return addSpecialTokens ? _parts.Frame.Around(ids) : ids;
    }

    /// <summary>
    /// Marks a user's text so that no special token in it is taken for one: the template's text around it may be encoded with
    /// <see cref="EncodeToIds"/>, which takes the marks out. Special tokens that the template itself writes stay what they are.
    /// </summary>
    public string Guard(string userText) => _guard.Guard(userText);

    /// <summary>Decodes ids to text; ids without a token are left out, malformed UTF-8 becomes U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        var decoder = new IncrementalDetokenizer(this, skipSpecialTokens);
        return decoder.All(ids);
    }

    /// <summary>Whether the token steers the model instead of being text.</summary>
    public bool IsSpecial(int id) => _parts.Table.IsSpecial(id);

    /// <summary>The id of a token as the vocabulary writes it.</summary>
    public bool TryGetId(string token, out int id)
    {
        if (_parts.Added.TryGetValue(token, out var added))
        {
            id = added.Id;
            return true;
        }

        return _parts.Model.Vocabulary.Ids.TryGetValue(token, out id);
    }

    /// <summary>Whether a token was added to the vocabulary: it is told from text before the model sees any.</summary>
    public bool IsAdded(string token) => _parts.Added.ContainsKey(token);

    /// <summary>The token as the vocabulary writes it; empty for an id without a token.</summary>
    public string IdToToken(int id) => _parts.Table.Token(id) ?? string.Empty;

    /// <summary>The bytes that the token adds to an answer, which may be a part of a character.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => _parts.Table.Bytes(id);

    /// <summary><see cref="TokenBytes"/> as text; a part of a character shows as U+FFFD.</summary>
    public string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id));

    private static Tokenizer Parse(ReadOnlySpan<byte> tokenizerJson, ReadOnlySpan<byte> configJson, string? chatTemplate)
    {
        using var document = JsonView.Document(tokenizerJson, "tokenizer.json", TokenizerLimits.JsonBytes);
        using var config = configJson.IsEmpty ? null : JsonView.Document(configJson, "tokenizer_config.json", TokenizerLimits.ConfigBytes);
        JsonView? configView = config is null ? null : new JsonView(config.RootElement, "tokenizer_config.json");
        var settings = configView is { } view ? TokenizerConfig.Read(view) : new TokenizerConfig();
        var parts = TokenizerReader.Read(new JsonView(document.RootElement, "tokenizer.json"), settings, configView);
        return new Tokenizer(parts, settings, chatTemplate);
    }
}

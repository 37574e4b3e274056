using Serving.Engine.Tokenization.AddedTokens;
using Serving.Engine.Tokenization.Bpe;
using Serving.Engine.Tokenization.Decoders;
using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Normalizers;
using Serving.Engine.Tokenization.PostProcessors;
using Serving.Engine.Tokenization.PreTokenizers;

namespace Serving.Engine.Tokenization;

/// <summary>Puts a tokenizer's parts together from its two files.</summary>
internal static class TokenizerReader
{
    /// <summary>Classes that transformers gives a bos and eos of its own, whatever the post-processor of tokenizer.json says.</summary>
    private static readonly HashSet<string> LlamaClasses =
    [
        "LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast",
        "CohereTokenizer", "CohereTokenizerFast",
    ];

    public static TokenizerParts Read(JsonView json, TokenizerConfig config, JsonView? configJson)
    {
        if (!json.IsObject)
        {
            throw json.Fail("must be an object");
        }

        var model = BpeReader.Read(json.Get("model"));
        var added = ReadAddedTokens(json, config, configJson, model);
        List<TokenDecoder> decoders = json.TryGet("decoder", out var decoder) ? DecoderReader.Read(decoder) : [new SpaceJoinDecoder()];
        var table = new TokenTable(model.Vocabulary.Ids, added.Values, decoders);
        var frame = ReadFrame(json, config, model, added);
        foreach (var id in frame.Around([]))
        {
            _ = table.Token(id) ?? throw json.Fail($"the post-processor names the token {id}, which does not exist");
        }

        return new TokenizerParts
        {
            Model = model,
            Added = added,
            Normalizers = json.TryGet("normalizer", out var normalizer) ? NormalizerReader.Read(normalizer) : [],
            PreTokenizers = json.TryGet("pre_tokenizer", out var preTokenizer) ? PreTokenizerReader.Read(preTokenizer) : [],
            Frame = frame,
            Decoders = decoders,
            Table = table,
        };
    }

    private static IReadOnlyDictionary<string, AddedToken> ReadAddedTokens(JsonView json, TokenizerConfig config, JsonView? configJson, BpeModel model)
    {
        var reader = new AddedTokenReader(model.Vocabulary.Ids);
        if (json.TryGet("added_tokens", out var list))
        {
            reader.AddFromTokenizer(list);
        }

        if (configJson is { } view && view.TryGet("added_tokens_decoder", out var map))
        {
            reader.AddFromConfig(map);
        }

        foreach (var token in config.SpecialTokens)
        {
            reader.AddSpecial(token);
        }

        return reader.Tokens;
    }

    private static SpecialTokenFrame ReadFrame(
        JsonView json, TokenizerConfig config, BpeModel model, IReadOnlyDictionary<string, AddedToken> added)
    {
        var isLlama = LlamaClasses.Contains(config.TokenizerClass);
        var own = json.TryGet("post_processor", out var processor) ? PostProcessorReader.Read(processor) : null;
        if (own is not null && !isLlama)
        {
            return own;
        }

        var bos = config.AddBosToken ?? isLlama ? IdsOf(config.BosToken) : [];
        var eos = config.AddEosToken ?? false ? IdsOf(config.EosToken) : [];
        return new SpecialTokenFrame(bos, eos);

        int[] IdsOf(string? token) => token switch
        {
            null => [],
            _ when added.TryGetValue(token, out var special) => [special.Id],
            _ when model.Vocabulary.Ids.TryGetValue(token, out var id) => [id],
            _ => [],
        };
    }
}

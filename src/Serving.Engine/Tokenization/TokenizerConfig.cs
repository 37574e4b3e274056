using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization;

/// <summary>What tokenizer_config.json adds to tokenizer.json.</summary>
internal sealed record TokenizerConfig
{
    private static readonly string[] SpecialNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    public string? BosToken { get; private init; }

    public string? EosToken { get; private init; }

    public bool? AddBosToken { get; private init; }

    public bool? AddEosToken { get; private init; }

    public string TokenizerClass { get; private init; } = string.Empty;

    public string? ChatTemplate { get; private init; }

    public string? ToolChatTemplate { get; private init; }

    /// <summary>The tokens that the config gives a special role.</summary>
    public IReadOnlyList<string> SpecialTokens { get; private init; } = [];

    public static TokenizerConfig Read(JsonView json)
    {
        if (!json.IsObject)
        {
            throw json.Fail("must be an object");
        }

        return new TokenizerConfig
        {
            BosToken = ReadToken(json, "bos_token"),
            EosToken = ReadToken(json, "eos_token"),
            AddBosToken = json.TryGet("add_bos_token", out var bos) ? bos.AsBool() : null,
            AddEosToken = json.TryGet("add_eos_token", out var eos) ? eos.AsBool() : null,
            TokenizerClass = json.OptionalString("tokenizer_class") ?? string.Empty,
            ChatTemplate = json.TryGet("chat_template", out var template) ? template.IsString ? template.AsString() : Named(template, "default") : null,
            ToolChatTemplate = json.TryGet("chat_template", out template) && !template.IsString ? Named(template, "tool_use") : null,
            SpecialTokens = ReadSpecialTokens(json),
        };
    }

    private static List<string> ReadSpecialTokens(JsonView json)
    {
        var tokens = SpecialNames.Select(name => ReadToken(json, name)).OfType<string>().ToList();
        if (json.TryGet("additional_special_tokens", out var more) && more.IsArray)
        {
            tokens.AddRange(more.Items().Take(TokenizerLimits.AddedTokens).Select(ReadToken));
        }

        return tokens;
    }

    private static string? ReadToken(JsonView json, string name) => json.TryGet(name, out var value) ? ReadToken(value) : null;

    private static string ReadToken(JsonView value) => value.IsObject ? value.Get("content").AsToken() : value.AsToken();

    /// <summary>One of a list of named templates.</summary>
    private static string? Named(JsonView templates, string name) =>
        templates.Items().Where(item => item.String("name") == name).Select(item => item.String("template")).FirstOrDefault();
}

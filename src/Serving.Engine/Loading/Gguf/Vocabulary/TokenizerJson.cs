using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf.Vocabulary;

/// <summary>Writes a file's tokens as a <c>tokenizer.json</c> and a <c>tokenizer_config.json</c>: tokenizers have one reader.</summary>
internal sealed class TokenizerJson
{
    private const string SpaceMark = "\u2581";

    // Texts of tokens are written as they are: escaped, those of Chinese would take twice their size.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly GgufVocabulary _vocabulary;
    private readonly Utf8JsonWriter _writer;

    private TokenizerJson(GgufVocabulary vocabulary, Utf8JsonWriter writer) => (_vocabulary, _writer) = (vocabulary, writer);

    /// <summary>The text of <c>tokenizer.json</c>.</summary>
    /// <exception cref="MalformedFileException">A kind of tokenizer, or of splitting, that is not done; the message names it.</exception>
    public static byte[] Write(GgufVocabulary vocabulary)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Plain))
        {
            var json = new TokenizerJson(vocabulary, writer);
            writer.WriteStartObject();
            json.WriteAdded();
            switch (vocabulary.Model)
            {
                case "gpt2":
                    json.WriteByteLevel(TextSplit.Of(vocabulary.Split));
                    break;
                case "llama":
                    json.WriteSentencePiece();
                    break;
                default:
                    throw new MalformedFileException($"tokenizer {MalformedFileException.Quote(vocabulary.Model)} is not supported (gpt2 and llama are)");
            }

            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>The text of <c>tokenizer_config.json</c>.</summary>
    public static byte[] WriteConfig(GgufVocabulary vocabulary)
    {
        var json = new JsonObject { ["bos_token"] = Text(vocabulary.Bos), ["eos_token"] = Text(vocabulary.Eos) };
        if (vocabulary.ChatTemplate is { } template)
        {
            json["chat_template"] = vocabulary.ToolChatTemplate is { } tools
                ? new JsonArray(Named("default", template), Named("tool_use", tools))
                : template;
        }

        return JsonSerializer.SerializeToUtf8Bytes(json);

        string? Text(int? id) => id is { } known ? vocabulary.Tokens[known] : null;

        static JsonObject Named(string name, string template) => new() { ["name"] = name, ["template"] = template };
    }

    private void WriteByteLevel(TextSplit split)
    {
        if (split.Normalizer is { } form)
        {
            Write("normalizer", new JsonObject { ["type"] = form });
        }

        Write("pre_tokenizer", new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([.. split.Stages()]) });
        Write("decoder", new JsonObject { ["type"] = "ByteLevel" });
        WriteFrame(_vocabulary.AddsBos ?? split.AddsBos);
        _writer.WriteStartObject("model");
        _writer.WriteString("type", "BPE");
        _writer.WriteBoolean("ignore_merges", split.IgnoresMerges);
        WriteTokens();
        _writer.WriteStartArray("merges");
        foreach (var rule in _vocabulary.Merges)
        {
            _writer.WriteStringValue(rule);
        }

        _writer.WriteEndArray();
        _writer.WriteEndObject();
    }

    /// <summary>As Hugging Face's converter writes SentencePiece's BPE: spaces are marks, one stands before each text, what has no token is written in bytes.</summary>
    private void WriteSentencePiece()
    {
        var scores = _vocabulary.Scores ?? throw GgufMetadata.Missing("tokenizer.ggml.scores");
        var addsSpace = _vocabulary.AddsSpace ?? true;
        JsonNode[] first = addsSpace ? [new JsonObject { ["type"] = "Prepend", ["prepend"] = SpaceMark }] : [];
        Write("normalizer", Sequence("normalizers", [.. first, Replacement(" ", SpaceMark)]));
        JsonNode[] last = addsSpace ? [new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 }] : [];
        Write("decoder", Sequence("decoders", [Replacement(SpaceMark, " "), new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" }, .. last]));
        WriteFrame(_vocabulary.AddsBos ?? true);
        _writer.WriteStartObject("model");
        _writer.WriteString("type", "BPE");
        if (_vocabulary.Unknown is { } unknown)
        {
            _writer.WriteString("unk_token", _vocabulary.Tokens[unknown]);
        }

        _writer.WriteBoolean("fuse_unk", true);
        _writer.WriteBoolean("byte_fallback", true);
        WriteTokens();
        _writer.WriteStartArray("merges");
        foreach (var (left, right) in ScoredMerges.Of(_vocabulary.Tokens, scores, id => _vocabulary.Kind(id) is TokenKind.Normal or TokenKind.UserDefined or TokenKind.Unused))
        {
            _writer.WriteStartArray();
            _writer.WriteStringValue(left);
            _writer.WriteStringValue(right);
            _writer.WriteEndArray();
        }

        _writer.WriteEndArray();
        _writer.WriteEndObject();
    }

    /// <summary>Tokens that are found in a text before anything else is done with it.</summary>
    private void WriteAdded()
    {
        _writer.WriteStartArray("added_tokens");
        foreach (var (id, token) in _vocabulary.Tokens.Index())
        {
            if (token.Length > 0 && _vocabulary.Kind(id) is var kind and (TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown))
            {
                _writer.WriteStartObject();
                _writer.WriteNumber("id", id);
                _writer.WriteString("content", token);
                _writer.WriteBoolean("special", kind != TokenKind.UserDefined);
                _writer.WriteBoolean("normalized", false);
                _writer.WriteEndObject();
            }
        }

        _writer.WriteEndArray();
    }

    private void WriteTokens()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        _writer.WriteStartObject("vocab");
        foreach (var (id, token) in _vocabulary.Tokens.Index())
        {
            // Of tokens with one text, the first is the one that text becomes.
            if (token.Length > 0 && seen.Add(token))
            {
                _writer.WriteNumber(token, id);
            }
        }

        _writer.WriteEndObject();
    }

    /// <summary>What is put around a text.</summary>
    private void WriteFrame(bool addsBos)
    {
        var (tokens, pieces) = (new JsonObject(), new List<JsonNode>());
        Add(addsBos ? _vocabulary.Bos : null);
        pieces.Add(new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
        Add(_vocabulary.AddsEos ?? false ? _vocabulary.Eos : null);
        Write("post_processor", new JsonObject { ["type"] = "TemplateProcessing", ["single"] = new JsonArray([.. pieces]), ["special_tokens"] = tokens });

        void Add(int? id)
        {
            if (id is { } known)
            {
                var text = _vocabulary.Tokens[known];
                pieces.Add(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = text, ["type_id"] = 0 } });
                tokens[text] = new JsonObject { ["id"] = text, ["ids"] = new JsonArray(known), ["tokens"] = new JsonArray(text) };
            }
        }
    }

    private static JsonObject Sequence(string list, JsonNode[] stages) => new() { ["type"] = "Sequence", [list] = new JsonArray(stages) };

    private static JsonObject Replacement(string text, string by) => new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = text }, ["content"] = by };

    private void Write(string name, JsonNode value)
    {
        _writer.WritePropertyName(name);
        value.WriteTo(_writer);
    }
}

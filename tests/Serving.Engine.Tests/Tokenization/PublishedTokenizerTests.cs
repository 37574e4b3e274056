using System.Text.Json;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Published tokenizers against vectors that other implementations made.</summary>
public sealed class PublishedTokenizerTests
{
    [Theory]
    [InlineData("gpt2", "gpt-2")]
    [InlineData("falcon", "falcon")]
    [InlineData("deepseek-coder", "deepseek-coder")]
    [InlineData("deepseek-llm", "deepseek-llm")]
    [InlineData("llama3.2", "llama-bpe")]
    [InlineData("qwen2.5", "qwen2")]
    [InlineData("tinyllama-1.1b-chat", "llama-spm")]
    [InlineData("tinyllama-1.1b-chat", "phi-3")]
    public void EncodeToIds_LlamaCppCases_GiveTheirIds(string tokenizer, string vocabulary)
    {
        var file = Repository.SharedData("tokenizers", "llama.cpp-vocab", $"ggml-vocab-{vocabulary}.gguf.inp");
        var texts = File.ReadAllText(file).Split("\n__ggml_vocab_test__\n");
        var expected = File.ReadAllLines(Path.ChangeExtension(file, ".out"));
        var subject = PublishedTokenizers.Get(tokenizer);
        Assert.Equal(texts.Length - 1, expected.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            int[] ids = [.. expected[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            var actual = subject.EncodeToIds(texts[i], addSpecialTokens: false);
            Assert.True(ids.SequenceEqual(actual), $"case {i} {JsonSerializer.Serialize(texts[i])}: {string.Join(' ', ids)} but {string.Join(' ', actual)}");
        }
    }

    [Theory]
    [InlineData("gpt2", "gpt2_encoded_tokens.json")]
    [InlineData("falcon", "falcon_encoded.json")]
    [InlineData("llama3.2", "llama_3.2_encoded.json")]
    [InlineData("tinyllama-1.1b-chat", "llama_encoded.json")]
    public void EncodeToIds_SwiftTransformersText_GivesItsIds(string tokenizer, string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Repository.SharedData("tokenizers", "vectors", "swift-transformers", file)));
        var subject = PublishedTokenizers.Get(tokenizer);
        var ids = Ids(json.RootElement.GetProperty("token_ids"));
        var actual = subject.EncodeToIds(json.RootElement.GetProperty("text").GetString()!, addSpecialTokens: false);
        Assert.Equal(subject.IsSpecial(ids[0]) ? ids[1..] : ids, actual);
    }

    [Theory]
    [InlineData("gpt2", "distilgpt2")]
    [InlineData("falcon", "tiiuae/falcon-7b")]
    [InlineData("llama3.2", "pcuenq/Llama-3.2-1B-Instruct-tokenizer")]
    [InlineData("tinyllama-1.1b-chat", "coreml-projects/Llama-2-7b-chat-coreml")]
    public void EncodeAndDecode_SwiftTransformersCases_GiveTheirResults(string tokenizer, string model)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Repository.SharedData("tokenizers", "vectors", "swift-transformers", "tokenizer_tests.json")));
        var subject = PublishedTokenizers.Get(tokenizer);
        foreach (var item in json.RootElement.GetProperty(model).EnumerateArray())
        {
            var text = item.GetProperty("input").GetString()!;
            var ids = Ids(item.GetProperty("encoded").GetProperty("input_ids"));
            var hasFrame = ids.Length > 0 && subject.IsSpecial(ids[0]) && !text.StartsWith('<');
            var actual = subject.EncodeToIds(text, addSpecialTokens: false);
            Assert.True((hasFrame ? ids[1..] : ids).SequenceEqual(actual), $"{JsonSerializer.Serialize(text)}: {string.Join(' ', ids)} but {string.Join(' ', actual)}");
            Assert.Equal(item.GetProperty("decoded_with_special").GetString(), CleanUp(subject.Decode(ids, skipSpecialTokens: false)));
            Assert.Equal(item.GetProperty("decoded_without_special").GetString(), CleanUp(subject.Decode(ids, skipSpecialTokens: true)));

            // The vectors went through transformers' clean-up of spaces, which is no part of a tokenizer and which a server leaves off.
            string CleanUp(string decoded) => tokenizer.StartsWith("tiny", StringComparison.Ordinal) ? decoded : decoded.Replace(" !", "!", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tinyllama-1.1b-chat", "<s>", null)]
    [InlineData("smollm2", null, null)]
    [InlineData("phi-2", null, null)]
    public void EncodeToIds_WithSpecialTokens_AddsTheModelsFrame(string tokenizer, string? first, string? last)
    {
        var subject = PublishedTokenizers.Get(tokenizer);
        int[] expected = [.. Id(first), .. subject.EncodeToIds("Hi there", addSpecialTokens: false), .. Id(last)];
        Assert.Equal(expected, subject.EncodeToIds("Hi there", addSpecialTokens: true));

        int[] Id(string? token) => token is null ? [] : subject.TryGetId(token, out var id) ? [id] : throw new InvalidOperationException(token);
    }

    [Theory]
    [InlineData("smollm2")]
    [InlineData("phi-2")]
    [InlineData("falcon")]
    [InlineData("llama3.2")]
    [InlineData("qwen2.5")]
    [InlineData("tinyllama-1.1b-chat")]
    public void Decode_OfEncodedText_IsTheText(string tokenizer)
    {
        var text = File.ReadAllText(Repository.SharedData("longdocs", "GrimmsFairyTales.txt"))[..200_000] + "日本語 🙂 é";
        var subject = PublishedTokenizers.Get(tokenizer);
        Assert.Equal(text, subject.Decode(subject.EncodeToIds(text, addSpecialTokens: false), skipSpecialTokens: false));
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}

using System.Text.Json;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Gguf.Vocabulary;
using Serving.Engine.Tests.Tokenization;
using Serving.Engine.Tests.Tokenization.PreTokenizers;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Tokenizers made from the metadata of published GGUF files, against llama.cpp's own vectors.</summary>
public class GgufTokenizerTests
{
    [Theory]
    [InlineData("gpt-2")]
    [InlineData("deepseek-coder")]
    [InlineData("llama-spm")]
    [InlineData("phi-3")]
    public void EncodeToIds_PublishedVocabulary_GivesItsVectors(string name)
    {
        using var stream = File.OpenRead(Repository.SharedData("tokenizers", "llama.cpp-vocab", $"ggml-vocab-{name}.gguf"));
        var vocabulary = new GgufVocabulary(GgufHeader.Read(stream, stream.Length).Metadata);
        Check(name, Tokenizer.Parse(TokenizerJson.Write(vocabulary), TokenizerJson.WriteConfig(vocabulary)));
    }

    [Theory]
    [InlineData("llama-bpe", "llama3.2-bpe", "encoder.json", "vocab.bpe")]
    [InlineData("qwen2", "qwen2.5", "vocab.json", "merges.txt")]
    public void EncodeToIds_PublishedMerges_GiveTheirVectors(string split, string folder, string vocabulary, string merges)
    {
        var ids = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(Repository.SharedData("tokenizers", folder, vocabulary)))!;
        var metadata = new GgufMetadata(new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = split,
            ["tokenizer.ggml.tokens"] = ids.OrderBy(entry => entry.Value).Select(entry => entry.Key).ToArray(),
            ["tokenizer.ggml.merges"] = File.ReadLines(Repository.SharedData("tokenizers", folder, merges))
                .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal)).ToArray(),
        });
        var read = new GgufVocabulary(metadata);
        Check(split, Tokenizer.Parse(TokenizerJson.Write(read), TokenizerJson.WriteConfig(read)));
    }

    /// <summary>The tokenizer of a Llama's folder and of its file are one, frames and texts included.</summary>
    [Fact]
    public void EncodeAndDecode_SentencePiece_AreThoseOfTheFolder()
    {
        using var stream = File.OpenRead(Repository.SharedData("tokenizers", "llama.cpp-vocab", "ggml-vocab-llama-spm.gguf"));
        var vocabulary = new GgufVocabulary(GgufHeader.Read(stream, stream.Length).Metadata);
        var (subject, expected) = (Tokenizer.Parse(TokenizerJson.Write(vocabulary), TokenizerJson.WriteConfig(vocabulary)), PublishedTokenizers.Get("tinyllama-1.1b-chat"));
        Assert.Equal((expected.BosTokenId, expected.EosTokenId), (subject.BosTokenId, subject.EosTokenId));
        var text = File.ReadAllText(Repository.SharedData("longdocs", "GrimmsFairyTales.txt"))[..100_000] + "<s>日本語 🙂 é</s> \t x";
        var ids = subject.EncodeToIds(text, addSpecialTokens: true);
        Assert.Equal(expected.EncodeToIds(text, addSpecialTokens: true), ids);
        Assert.Equal(expected.Decode(ids, skipSpecialTokens: true), subject.Decode(ids, skipSpecialTokens: true));
    }

    /// <summary>gpt-oss's files name o200k's split; the expression is that of its tokenizer.json.</summary>
    [Fact]
    public void Split_Gpt4o_IsO200ks() =>
        Assert.Equal(PreTokenizerTests.O200k, (string?)TextSplit.Of("gpt-4o").Stages()[0]["pattern"]!["Regex"]);

    /// <summary>The expressions of the models' tokenizer.json, a repetition of one left out.</summary>
    [Theory]
    [InlineData("glm4", @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    [InlineData("tekken", @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    [InlineData("seed-coder", @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+")]
    public void Split_OfAFamily_IsThatOfItsTokenizer(string name, string expression) => Assert.Equal(expression, (string?)TextSplit.Of(name).Stages()[0]["pattern"]!["Regex"]);

    [Fact]
    public void Ends_AreThoseThatKeysNameAndThoseOfTurns()
    {
        var metadata = new GgufMetadata(new Dictionary<string, object>
        {
            ["tokenizer.ggml.tokens"] = new[] { "a", "<|im_end|>", "<|end|>", "b", "<|eot_id|>" },
            ["tokenizer.ggml.token_type"] = new long[] { 1, 3, 1, 1, 4 },
            ["tokenizer.ggml.eos_token_id"] = 3L,
        });
        Assert.Equal([1, 3, 4], new GgufVocabulary(metadata).Ends);
    }

    private static void Check(string name, Tokenizer subject)
    {
        var file = Repository.SharedData("tokenizers", "llama.cpp-vocab", $"ggml-vocab-{name}.gguf.inp");
        var texts = File.ReadAllText(file).Split("\n__ggml_vocab_test__\n");
        var expected = File.ReadAllLines(Path.ChangeExtension(file, ".out"));
        for (var i = 0; i < expected.Length; i++)
        {
            int[] ids = [.. expected[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            var actual = subject.EncodeToIds(texts[i], addSpecialTokens: false);
            Assert.True(ids.SequenceEqual(actual), $"case {i} {JsonSerializer.Serialize(texts[i])}: {string.Join(' ', ids)} but {string.Join(' ', actual)}");
        }
    }
}

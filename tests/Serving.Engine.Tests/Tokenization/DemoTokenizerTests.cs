using System.Text.Json;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization;

public sealed class DemoTokenizerTests
{
    private static readonly Lazy<Tokenizer> Demo = new(() => Tokenizer.Load(Repository.DemoModel));

    [Fact]
    public void EncodeToIds_ReferenceTexts_GiveReferenceIds()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.DemoReferences, "tokenizer.jsonl"));
        Assert.NotEmpty(lines);
        foreach (var line in lines)
        {
            var (text, ids) = Parse(line);
            Assert.Equal(ids, Demo.Value.EncodeToIds(text, addSpecialTokens: false));
        }
    }

    [Fact]
    public void Decode_ReferenceIds_GivesReferenceText()
    {
        foreach (var line in File.ReadAllLines(Path.Combine(Repository.DemoReferences, "tokenizer.jsonl")))
        {
            var (text, ids) = Parse(line);
            Assert.Equal(text, Demo.Value.Decode(ids, skipSpecialTokens: false));
        }
    }

    [Fact]
    public void Load_DemoModel_KnowsItsTokens()
    {
        var tokenizer = Demo.Value;
        Assert.Equal(2048, tokenizer.VocabularySize);
        Assert.Equal(0, tokenizer.BosTokenId);
        Assert.Equal("<|begin_of_text|>", tokenizer.BosToken);
        Assert.Equal(3, tokenizer.EosTokenId);
        Assert.StartsWith("{{ bos_token }}", tokenizer.ChatTemplate, StringComparison.Ordinal);
        Assert.True(tokenizer.IsSpecial(2));
        Assert.False(tokenizer.IsSpecial(5));
        Assert.Equal([0, .. tokenizer.EncodeToIds("a", false)], tokenizer.EncodeToIds("a", addSpecialTokens: true));
    }

    [Fact]
    public void EncodeToIds_ManyThreads_GiveWhatOneGives()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        string[] texts = [.. Enumerable.Range(0, 400).Select(_ => RandomTexts.Next(random, 40))];
        var shared = Tokenizer.Load(Repository.DemoModel);
        int[][] expected = [.. texts.Select(text => Demo.Value.EncodeToIds(text, addSpecialTokens: true))];
        Parallel.For(0, texts.Length * 8, i =>
        {
            var text = i % texts.Length;
            Assert.True(expected[text].SequenceEqual(shared.EncodeToIds(texts[text], addSpecialTokens: true)), $"seed {seed}: {texts[text]}");
        });
    }

    [Fact]
    public void Load_TemplateFile_ComesBeforeTheConfigs()
    {
        var folder = Directory.CreateTempSubdirectory("tokenizer");
        try
        {
            foreach (var name in new[] { "tokenizer.json", "tokenizer_config.json" })
            {
                File.Copy(Path.Combine(Repository.DemoModel, name), Path.Combine(folder.FullName, name));
            }

            File.WriteAllText(Path.Combine(folder.FullName, "chat_template.jinja"), "{{ messages }}");
            Assert.Equal("{{ messages }}", Tokenizer.Load(folder.FullName).ChatTemplate);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static (string Text, int[] Ids) Parse(string line)
    {
        using var json = JsonDocument.Parse(line);
        return (json.RootElement.GetProperty("text").GetString()!, [.. json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Normalizers;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Generated tokenizers and random texts against Hugging Face's JavaScript library.</summary>
public sealed class NodeTokenizerTests
{
    private const int Tokenizers = 240;
    private const int Texts = 25;

    [Fact]
    public void EncodeAndDecode_GeneratedTokenizers_AgreeWithTheJavaScriptLibrary()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var requests = Enumerable.Range(0, Tokenizers).Select(_ => Request(random)).ToArray();
        var answers = NodeOracle.Ask(requests);
        Assert.Equal(requests.Length, answers.Length);
        for (var i = 0; i < requests.Length; i++)
        {
            var tokenizer = Tokenizer.Parse(JsonSerializer.SerializeToUtf8Bytes(requests[i]["tokenizer"]));
            var (addSpecial, skipSpecial) = ((bool)requests[i]["addSpecial"]!, (bool)requests[i]["skipSpecial"]!);
            for (var k = 0; k < Texts; k++)
            {
                var text = (string)requests[i]["texts"]![k]!;
                var expected = answers[i]["cases"]![k]!;
                int[] expectedIds = [.. expected["ids"]!.AsArray().Select(id => (int)id!)];
                var ids = tokenizer.EncodeToIds(text, addSpecial);
                Assert.True(expectedIds.SequenceEqual(ids), Report("ids", string.Join(' ', expectedIds), string.Join(' ', ids)));
                var decoded = tokenizer.Decode(ids, skipSpecial);
                Assert.True((string)expected["text"]! == decoded, Report("text", (string)expected["text"]!, decoded));

                string Report(string what, string wanted, string actual) =>
                    $"seed {seed}: {what} of {JsonSerializer.Serialize(text)}: {wanted} but {actual}\nwith {Describe(requests[i]["tokenizer"]!)}";
            }
        }
    }

    [Theory]
    [InlineData("NFC", false, true)]
    [InlineData("NFD", false, false)]
    [InlineData("NFKC", true, true)]
    [InlineData("NFKD", true, false)]
    public void NormalForm_EveryCharacterAndRandomTexts_AgreesWithTheRuntimeOfJavaScript(string form, bool compatible, bool compose)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var assigned = Enumerable.Range(0, 0x110000)
            .Where(code => code is < 0xD800 or > 0xDFFF)
            .Where(code => UnicodeData.Instance.Decomposition(code, compatible: true) is not null || UnicodeData.Instance.ClassOf(code) != 0 || IsOther(code))
            .Select(char.ConvertFromUtf32)
            .ToArray();
        string[] texts = [.. assigned, .. Enumerable.Range(0, 3000).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => assigned[random.Next(assigned.Length)])))];
        var request = new JsonObject { ["form"] = form, ["texts"] = new JsonArray([.. texts.Select(text => (JsonNode)text)]) };
        var answer = NodeOracle.Ask([request])[0]["texts"]!.AsArray();
        var subject = new NormalForm(compatible, compose);
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.True((string)answer[i]! == subject.Normalize(texts[i]), $"seed {seed}: {Codes(texts[i])} to {Codes((string)answer[i]!)} but {Codes(subject.Normalize(texts[i]))}");
        }
    }

    /// <summary>Letters without data of their own, and Hangul, whose syllables are computed.</summary>
    private static bool IsOther(int code) => code is < 0x0370 or (>= 0x1100 and < 0x1200) or (>= 0xAC00 and < 0xAD00) or 0x1F642;

    private static JsonObject Request(Random random) => new()
    {
        ["tokenizer"] = GeneratedTokenizers.Next(random),
        ["texts"] = new JsonArray([.. Enumerable.Range(0, Texts).Select(_ => (JsonNode)RandomTexts.Next(random, 30, GeneratedTokenizers.AddedContents))]),
        ["addSpecial"] = random.Next(2) == 0,
        ["skipSpecial"] = random.Next(2) == 0,
    };

    private static string Describe(JsonNode tokenizer)
    {
        var copy = tokenizer.DeepClone();
        copy["model"]!["vocab"] = null;
        copy["model"]!["merges"] = null;
        return copy.ToJsonString();
    }

    private static string Codes(string text) => string.Join(' ', text.EnumerateRunes().Select(rune => rune.Value.ToString("X4")));
}

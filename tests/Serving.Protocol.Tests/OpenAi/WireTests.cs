using System.Text.Json;
using Serving.Protocol.OpenAi;

namespace Serving.Protocol.Tests.OpenAi;

public sealed class WireTests
{
    [Theory]
    [InlineData("\"x\"", new[] { "x" })]
    [InlineData("[\"x\",\"y\"]", new[] { "x", "y" })]
    [InlineData("[]", new string[0])]
    [InlineData("null", null)]
    public void Stop_TextOrList_IsAList(string json, string[]? expected) => Assert.Equal(expected, Chat($$"""{"stop":{{json}}}""").Stop);

    [Theory]
    [InlineData("\"x\"", "x")]
    [InlineData("[\"x\",\"y\"]", "x|y")]
    [InlineData("[1,2]", "1,2")]
    [InlineData("[[1,2],[3]]", "1,2|3")]
    [InlineData("[]", "")]
    public void Prompt_InItsFourForms_IsAListOfPrompts(string json, string expected)
    {
        var prompt = JsonSerializer.Deserialize($$"""{"prompt":{{json}}}""", OpenAiJson.Wire.CompletionRequest)!.Prompt!;

        Assert.Equal(expected, string.Join('|', prompt.Items.Select(item => item.Text ?? string.Join(',', item.Tokens!))));
    }

    [Theory]
    [InlineData("{\"temperature\":1e400}", "$.temperature")]
    [InlineData("{\"temperature\":\"1\"}", "$.temperature")]
    [InlineData("{\"max_tokens\":1.5}", "$.max_tokens")]
    [InlineData("{\"stop\":[1]}", "$.stop")]
    [InlineData("{\"stream_options\":{\"include_usage\":\"x\"}}", "$.stream_options.include_usage")]
    [InlineData("{\"logit_bias\":{\"5\":null}}", "$.logit_bias.5")]
    public void Read_WrongKind_NamesThePath(string json, string path) => Assert.Equal(path, Assert.Throws<JsonException>(() => Chat(json)).Path);

    [Theory]
    [InlineData("$.max_tokens", "max_tokens", "an integer")]
    [InlineData("$.temperature", "temperature", "a number")]
    [InlineData("$.stop", "stop", "a string or a list of strings")]
    [InlineData("$.stream_options.include_usage", "stream_options.include_usage", "true or false")]
    [InlineData("$.stop_token_ids[3]", "stop_token_ids[3]", "a list of integers")]
    [InlineData("$", null, null)]
    [InlineData(null, null, null)]
    public void Find_Path_GivesTheFieldAndWhatItHolds(string? path, string? field, string? expected) =>
        Assert.Equal((field, expected), FieldDescription.Find(OpenAiJson.Wire.ChatCompletionRequest, path));

    [Fact]
    public void Read_UnknownFields_AreKept()
    {
        var chat = Chat("""{"model":"m","best_of":2,"new_thing":{"a":1}}""");

        Assert.Equal(["best_of", "new_thing"], chat.Others!.Keys);
    }

    [Fact]
    public void Read_DuplicateField_IsRefused() => Assert.Throws<JsonException>(() => Chat("""{"n":1,"n":2}"""));

    [Theory]
    [InlineData(-0.1f, "-0.1")]
    [InlineData(-1.4012985E-45f, "-1E-45")]
    [InlineData(0.33333334f, "0.33333334")]
    public void Write_Logprob_IsTheShortestTextThatReadsBackEqual(float value, string expected)
    {
        var entry = new ChatTokenLogprob { Token = "a", Logprob = value, Bytes = [97] };
        var body = JsonSerializer.Serialize(new ChatCompletionChunk
        {
            Id = "i",
            Created = 1,
            Model = "m",
            Choices = [new ChatChunkChoice { Index = 0, Delta = new ChatDelta(), Logprobs = new ChatLogprobs([entry]) }],
        }, OpenAiJson.Wire.ChatCompletionChunk);

        Assert.Contains($"\"logprob\":{expected},", body, StringComparison.Ordinal);
        Assert.Equal(value, float.Parse(expected, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Write_Chunk_KeepsTheNullsThatClientsExpectAndNoOthers()
    {
        var chunk = new ChatCompletionChunk
        {
            Id = "i",
            Created = 1,
            Model = "m",
            Choices = [new ChatChunkChoice { Index = 0, Delta = new ChatDelta(null, "é<") }],
        };

        Assert.Equal(
            """{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"é<"},"logprobs":null,"finish_reason":null}]}""",
            JsonSerializer.Serialize(chunk, OpenAiJson.Wire.ChatCompletionChunk));
    }

    private static ChatCompletionRequest Chat(string json) => JsonSerializer.Deserialize(json, OpenAiJson.Wire.ChatCompletionRequest)!;
}

using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Client;

namespace Serving.LoadTests.Tests.Client;

public sealed class SseReaderTests
{
    private const string Stream = "\uFEFFdata: {\"a\":1}\n\n: a comment\nevent: x\nid: 7\ndata:two\r\ndata: lines\r\n\r\nretry: 5\n\ndata\rdata: after nothing\r\rdata: [DONE]\n\ndata: not ended\n";
    private static readonly string[] Events = ["{\"a\":1}", "two\nlines", "\nafter nothing", "[DONE]"];

    [Fact]
    public void Feed_CutAnywhere_GivesTheSameEvents()
    {
        var bytes = Encoding.UTF8.GetBytes(Stream);
        for (var first = 0; first <= bytes.Length; first++)
        {
            for (var size = 1; size <= 9; size++)
            {
                var reader = new SseReader();
                var events = Read(reader, bytes.AsMemory(0, first));
                for (var at = first; at < bytes.Length; at += size)
                {
                    events.AddRange(Read(reader, bytes.AsMemory(at, Math.Min(size, bytes.Length - at))));
                }

                Assert.Equal(Events, events);
            }
        }
    }

    [Fact]
    public void Feed_AnEventAboveTheBound_IsRefused()
    {
        var reader = new SseReader();
        Read(reader, Encoding.UTF8.GetBytes("data: "));
        var chunk = new byte[SseReader.MaxEventBytes / 4];
        chunk.AsSpan().Fill((byte)'x');
        Read(reader, chunk);
        Read(reader, chunk);
        Read(reader, "\ndata:"u8.ToArray());
        Assert.Throws<SseFormatException>(() => Read(reader, new byte[SseReader.MaxEventBytes]));
    }

    [Fact]
    public void Feed_Mutated_GivesEventsOrIsRefused()
    {
        var (mutator, bytes, whole) = (new Mutator(12), Encoding.UTF8.GetBytes(Stream), 0);
        for (var i = 0; i < 5_000; i++)
        {
            var events = Read(new SseReader(), mutator.Mutate(bytes, bytes.Length));
            whole += events.Contains("[DONE]") ? 1 : 0;
        }

        Assert.InRange(whole, 100, 4_999);
    }

    [Fact]
    public void Parse_AChunk_HasItsCounts()
    {
        var chunk = AnswerChunk.Parse(Encoding.UTF8.GetBytes("""{"id":"x","choices":[{"text":"a"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}"""));
        Assert.Equal(new AnswerChunk(true, 7, 3, 2, null), chunk);
        Assert.Equal("engine_dead", AnswerChunk.Parse("""{"error":{"message":"m","code":"engine_dead"}}"""u8.ToArray())!.Value.Error);
        Assert.Null(AnswerChunk.Parse("[1]"u8.ToArray()));
        Assert.Null(AnswerChunk.Parse("{"u8.ToArray()));
    }

    [Fact]
    public void Parse_Mutated_IsReadOrNothing()
    {
        var (mutator, read) = (new Mutator(13), 0);
        var file = Encoding.UTF8.GetBytes("""{"choices":[{"text":"a\ud83d\ude00"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}},"error":{"code":"x"}}""");
        for (var i = 0; i < 5_000; i++)
        {
            if (AnswerChunk.Parse(mutator.Mutate(file, file.Length)) is { } chunk)
            {
                Assert.True(chunk is { PromptTokens: null or >= 0, CompletionTokens: null or >= 0, CachedTokens: >= 0 } && chunk.Error is null or { Length: <= 64 });
                read++;
            }
        }

        Assert.InRange(read, 100, 4_900);
    }

    private static List<string> Read(SseReader reader, ReadOnlyMemory<byte> bytes) => [.. reader.Feed(bytes).Select(data => Encoding.UTF8.GetString(data.Span))];
}

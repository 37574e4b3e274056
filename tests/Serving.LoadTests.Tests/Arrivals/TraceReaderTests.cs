using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Scenarios;
using Serving.Testing;

namespace Serving.LoadTests.Tests.Arrivals;

public sealed class TraceReaderTests
{
    private static readonly string[] Azure =
    [
        "TIMESTAMP,ContextTokens,GeneratedTokens", "2023-11-16 18:15:46.6805900,374,44", "2023-11-16 18:15:50.9951690,396,109", "2023-11-16 18:15:51.2225670,4000,1",
    ];

    private static readonly string[] Mooncake =
    [
        """{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48]}""", """{"timestamp": 30535, "input_length": 1100, "output_length": 26, "hash_ids": [46, 47, 2366]}""",
    ];

    [Fact]
    public void Read_Azure_HasItsTimesAndLengthsScaled()
    {
        var arrivals = TraceReader.Read(Replay("azure") with { Speed = 2, LengthScale = 0.1 }, 1, Text(Azure)).ToArray();
        Assert.Equal([0, 2.157, 2.271], arrivals.Select(arrival => Math.Round(arrival.At, 3)));
        Assert.Equal([(37, 4), (40, 11), (100, 1)], arrivals.Select(arrival => (arrival.PromptTokens, arrival.OutputTokens)));
    }

    [Fact]
    public void Read_Mooncake_HasItsBlocksScaled()
    {
        var arrivals = TraceReader.Read(Replay("mooncake") with { LengthScale = 0.0625 }, 1, Text(Mooncake)).ToArray();
        Assert.Equal([0, 3.053], arrivals.Select(arrival => Math.Round(arrival.At, 3)));
        Assert.Equal([100, 69], arrivals.Select(arrival => arrival.PromptTokens));
        Assert.All(arrivals, arrival => Assert.Equal(32, arrival.BlockTokens));
        Assert.Equal([46, 47, 2366], arrivals[1].Blocks!);
    }

    [Fact]
    public void Read_OnlyAsMuchAsIsAskedFor_LooksNoFurther() =>
        Assert.Equal(2, TraceReader.Read(Replay("azure") with { Seconds = 4.4 }, 1, Text([.. Azure, "nonsense"])).Count());

    [Theory]
    [InlineData("azure", "x,1,2", "line 1 ")]
    [InlineData("azure", "2023-11-16 18:15:46,-1,2", "line 1 ")]
    [InlineData("azure", "2023-11-16 18:15:46,1,99999999999", "line 1 ")]
    [InlineData("mooncake", """{"timestamp": 1, "input_length": 1, "output_length": 1}""", "line 1 ")]
    [InlineData("mooncake", """{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": ["a"]}""", "line 1 ")]
    [InlineData("mooncake", "[]", "line 1 ")]
    public void Read_AWrongLine_IsRefusedWithItsNumber(string format, string line, string expected) =>
        Assert.Contains(expected, Assert.Throws<ScenarioException>(() => TraceReader.Read(Replay(format), 1, Text([line])).Count()).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_TimesThatGoBack_AreRefused() =>
        Assert.Throws<ScenarioException>(() => TraceReader.Read(Replay("mooncake"), 1, Text([.. Mooncake.Reverse()])).Count());

    [Theory]
    [InlineData("azure")]
    [InlineData("mooncake")]
    public void Read_Mutated_IsReadOrRefused(string format)
    {
        var (mutator, read) = (new Mutator(11), 0);
        var file = Encoding.UTF8.GetBytes(string.Join('\n', format == "azure" ? Azure : Mooncake));
        for (var i = 0; i < 5_000; i++)
        {
            var text = Encoding.UTF8.GetString(mutator.Mutate(file, file.Length));
            try
            {
                Assert.All(TraceReader.Read(Replay(format), 1, new StringReader(text)), arrival => Assert.True(arrival is { At: >= 0, PromptTokens: > 0 and <= 100, OutputTokens: > 0 and <= 100 }));
                read++;
            }
            catch (ScenarioException)
            {
                // Refused, which is as good.
            }
        }

        Assert.InRange(read, 20, 4_900);
    }

    [Fact]
    public void Read_TheRecordedTraces_AreReadWhole()
    {
        var whole = Replay("azure") with { Seconds = 1e9 };
        using var azure = File.OpenText(Repository.SharedData("traces", "azure2023", "AzureLLMInferenceTrace_conv.csv"));
        using var mooncake = File.OpenText(Repository.SharedData("traces", "mooncake", "conversation_trace.jsonl"));
        Assert.Equal(19_366, TraceReader.Read(whole, 1, azure).Count());
        Assert.Equal(12_031, TraceReader.Read(whole with { Format = "mooncake" }, 1, mooncake).Count());
    }

    /// <summary>A file without line ends, a device say, is given up after a line's length and not read whole.</summary>
    [Fact]
    public void Read_ALineThatNeverEnds_IsReadNoFurtherThanALineMayBe()
    {
        using var endless = new EndlessText();
        var refused = Assert.Throws<ScenarioException>(() => TraceReader.Read(Replay("azure"), 1, endless).Count());
        Assert.Contains("line 1 of the trace has more than 65536 characters", refused.Message, StringComparison.Ordinal);
        Assert.InRange(endless.Given, TraceReader.MaxLine, TraceReader.MaxLine + 8192);
    }

    [Fact]
    public void Read_ALineOfTheLongestLength_IsRead()
    {
        int Read(int length) => TraceReader.Read(Replay("mooncake"), 1, Text([Mooncake[0].PadRight(length), Mooncake[1]])).Count();
        Assert.Equal(2, Read(TraceReader.MaxLine));
        Assert.Throws<ScenarioException>(() => Read(TraceReader.MaxLine + 1));
    }

    [Fact]
    public void Read_BlocksBehindThePromptsEnd_AreNotKept()
    {
        var line = """{"timestamp": 1, "input_length": 600, "output_length": 1, "hash_ids": [""" + string.Join(',', Enumerable.Range(0, 5000)) + "]}";
        Assert.Equal([0, 1], Assert.Single(TraceReader.Read(Replay("mooncake") with { MaxPrompt = 10_000 }, 1, Text([line]))).Blocks!);
    }

    private static StringReader Text(string[] lines) => new(string.Join('\n', lines));

    private static LoadSimulation.Replay Replay(string format) => new(format, null, 1, 1, 1e6, 100, 100);

    /// <summary>The letter x, for ever.</summary>
    private sealed class EndlessText : TextReader
    {
        public int Given { get; private set; }

        public override int Peek() => 'x';

        public override int Read(Span<char> buffer)
        {
            buffer.Fill('x');
            Given += buffer.Length;
            return buffer.Length;
        }

        public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));
    }
}

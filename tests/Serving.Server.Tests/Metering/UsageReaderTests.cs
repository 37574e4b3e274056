using Serving.Server.Metering;

namespace Serving.Server.Tests.Metering;

public sealed class UsageReaderTests
{
    // Whatever is done to one line, the others are read; and cutting the file anywhere takes the cut line only.
    [Fact]
    public void Read_AnyByteChangedOrFileCut_LosesThatLineOnly() => Assert.All(Enumerable.Range(0, 5000), Mutate);

    [Fact]
    public void Read_AnyBytes_FindsNoRecordAndDoesNotThrow() => Assert.All(Enumerable.Range(0, 500), seed =>
    {
        var bytes = new byte[new Random(seed).Next(4096)];
        new Random(seed).NextBytes(bytes);
        Assert.Empty(Records.Read(bytes).Records);
    });

    [Theory]
    [InlineData("""{"time":"2026-01-01T00:00:00Z"}""")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"time\":")]
    public void Read_OtherJson_IsMalformed(string line) => Assert.Equal((0, 1L), Count(System.Text.Encoding.UTF8.GetBytes(line)));

    [Theory]
    [InlineData("\"prompt_tokens\":3", "\"prompt_tokens\":-3")]
    [InlineData("\"prompt_tokens\":3", "\"prompt_tokens\":99999999999")]
    [InlineData("\"prompt_tokens\":3", "\"prompt_tokens\":3.5")]
    [InlineData("\"prompt_tokens\":3", "\"prompt_tokens\":3,\"prompt_tokens\":4")]
    [InlineData("\"tenant\":\"one\"", "\"tenant\":null")]
    [InlineData("\"time\":\"2026", "\"time\":\"soon")]
    public void Read_WrongField_IsMalformed(string right, string wrong)
    {
        var line = System.Text.Encoding.UTF8.GetString(Records.Line(Records.New()));
        Assert.Contains(right, line, StringComparison.Ordinal);
        Assert.Equal((0, 1L), Count(System.Text.Encoding.UTF8.GetBytes(line.Replace(right, wrong, StringComparison.Ordinal))));
    }

    [Fact]
    public void Read_FieldsOfALaterVersionEmptyLinesAndCarriageReturns_ArePassedOver()
    {
        var line = System.Text.Encoding.UTF8.GetString(Records.Line(Records.New())).TrimEnd();
        Assert.Equal((2, 0L), Count(System.Text.Encoding.UTF8.GetBytes($"\n{line.Replace("{", "{\"later\":{\"x\":[1]},", StringComparison.Ordinal)}\r\n\r\n{line}")));
    }

    [Fact]
    public void Read_LinesOfAnyLength_CountsTheTooLongOnes()
    {
        var line = Records.Line(Records.New());
        foreach (var length in new[] { UsageReader.MaxLine - 1, UsageReader.MaxLine, UsageReader.MaxLine + 1, (2 * UsageReader.MaxLine) + 7, 1 << 20 })
        {
            byte[] blank = [.. Enumerable.Repeat((byte)' ', length - line.Length + 1), .. line];
            Assert.Equal(length <= UsageReader.MaxLine ? (3, 0L) : (2, 1L), Count([.. line, .. blank, .. line]));
        }
    }

    [Fact]
    public void Summary_Records_AreAddedUpByPeriodTenantModelAndAdapter()
    {
        var summary = new UsageSummary("yyyy-MM-dd");
        var day = new DateTime(2026, 3, 4, 23, 59, 59, DateTimeKind.Utc);
        summary.Add(Records.New(time: day));
        summary.Add(Records.New(outcome: "cancelled", time: day, prompt: int.MaxValue) with { LostBefore = 4 });
        summary.Add(Records.New(time: day, prompt: int.MaxValue));
        summary.Add(Records.New(adapter: "aa", time: day.AddSeconds(1)));
        summary.Add(Records.New(adapter: "bb", time: day.AddSeconds(1)));

        Assert.Equal(4, summary.Lost);
        Assert.Equal(
            [("2026-03-04", "one", null, 3L, 2L, (2L * int.MaxValue) + 3, 6L), ("2026-03-05", "one", "aa", 1, 1, 3, 2), ("2026-03-05", "one", "bb", 1, 1, 3, 2)],
            summary.Totals.Select(total => (total.Period, total.Tenant, total.Adapter, total.Requests, total.Completed, total.PromptTokens, total.CompletionTokens)));
    }

    [Fact]
    public void Run_FileThatIsNotThere_SaysSoAndAddsTheOthersUp()
    {
        using var folder = new Testing.TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("a"), [.. Records.Line(Records.New(tenant: "o\u001b[2J")), .. "{\"time\""u8]);
        var (output, error) = (new StringWriter(), new StringWriter());

        Assert.Equal(1, UsageCommand.Run([folder.PathOf("nobody"), folder.PathOf("a")], "", json: false, output, error));

        Assert.Equal(["period", "tenant", "model", "adapter", "requests", "completed", "prompt", "cached", "completion"], output.ToString().Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["all", "o?[2J", "base", "-", "1", "1", "3", "1", "2"], output.ToString().Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("nobody", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("1 lines are no records", error.ToString(), StringComparison.Ordinal);
    }

    private static (int Records, long Malformed) Count(byte[] content) => (Records.Read(content).Records.Count, Records.Read(content).Malformed);

    private static void Mutate(int seed)
    {
        var random = new Random(seed);
        var lines = Enumerable.Range(0, 5).Select(i => Records.Line(Records.New($"r{i}"))).ToArray();
        var hit = random.Next(5);
        var line = lines[hit];
        if (random.Next(2) == 0)
        {
            line[random.Next(line.Length - 1)] = (byte)random.Next(256);
            var others = Records.Read([.. lines.SelectMany(bytes => bytes)]).Records.Where(record => record.Id.StartsWith('r')).Select(record => record.Id);
            Assert.Empty(Enumerable.Range(0, 5).Where(i => i != hit).Select(i => $"r{i}").Except(others));
            return;
        }

        var cut = random.Next(line.Length - 1);
        var (records, malformed) = Records.Read([.. lines[..hit].SelectMany(bytes => bytes), .. line[..cut]]);
        Assert.Equal((hit, cut == 0 ? 0L : 1L), (records.Count, malformed));
    }
}

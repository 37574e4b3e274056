using System.Globalization;
using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Commands;
using Serving.LoadTests.Reports;
using Serving.LoadTests.Scenarios;
using Serving.Testing;
using Spectre.Console;

namespace Serving.LoadTests.Tests.Reports;

public sealed class ComparisonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("tokens_out_per_s", "100", "89", true)]
    [InlineData("tokens_out_per_s", "100", "92", false)]
    [InlineData("tokens_out_per_s", "100", "200", false)]
    [InlineData("ttft_p99", "1", "1.2", true)]
    [InlineData("ttft_p99", "1", "1.05", false)]
    [InlineData("ttft_p99", "1", "0.5", false)]
    [InlineData("error_share", "0", "0.1", true)]
    [InlineData("error_share", "0", "0", false)]
    [InlineData("ttft_p50", "1 1.4 1.5", "1.45 1.7 1.8", false)]
    [InlineData("ttft_p50", "1 1.1 1.2", "1.25 1.5 1.6", true)]
    [InlineData("tokens_out_per_s", "100 90 80", "70 75 79", true)]
    [InlineData("tokens_out_per_s", "100 90 80", "70 75 81", false)]
    public void Of_AFigure_IsWorseBeyondTheFactorAndOutsideWhatRoundsDifferBy(string metric, string before, string after, bool worse)
    {
        var row = Comparison.Of(Sample(metric, before), Sample(metric, after), 1.1).Single(row => row.Path == $"p.s.{metric}");
        Assert.Equal(worse, row.IsWorse);
        Assert.InRange(row.Ratio, row.Least, row.Largest);
    }

    [Fact]
    public void Of_Rounds_HasTheirMediansAndTheRatiosBetweenAnyTwo()
    {
        var row = Comparison.Of(Sample("e2e_p50", "2 1 4"), Sample("e2e_p50", "3 5"), 1.1).Single(row => row.Path == "p.s.e2e_p50");
        Assert.Equal(new ComparisonRow("p.s.e2e_p50", 2, 4, 2, 0.75, 5, false), row);
    }

    [Fact]
    public void Of_ASearch_ComparesWhatWasFound()
    {
        var (before, after) = (Sample("ttft_p50", "1") with { Knee = 10 }, Sample("ttft_p50", "9") with { Knee = 8 });
        var row = Assert.Single(Comparison.Of(before, after, 1.1));
        Assert.Equal(("knee", 0.8, true), (row.Path, row.Ratio, row.IsWorse));
    }

    [Fact]
    public void Of_ReportsThatDoNotCompare_IsRefused()
    {
        Assert.Throws<ScenarioException>(() => Comparison.Of(Sample("ttft_p50", "1"), Sample("ttft_p50", "1") with { Test = "u" }, 1.1));
        Assert.Throws<ScenarioException>(() => Comparison.Of(Sample("ttft_p50", "1"), Sample("ttft_p50", "1") with { Phases = [] }, 1.1));
    }

    [Fact]
    public async Task Compare_TwoFiles_EndsWithItsCode()
    {
        var (good, slow) = (Sample("ttft_p50", "1"), Sample("ttft_p50", "2"));
        var (code, output) = await CompareAsync(good, slow);
        Assert.Equal(ExitCodes.Missed, code);
        Assert.Matches(@"p\.s\.ttft_p50 +1,000 ms +2,000 ms +2\.000 +2\.000 and 2\.000 +worse", output);

        Assert.Equal(ExitCodes.Good, (await CompareAsync(slow, good)).Code);
        Assert.Equal(ExitCodes.Good, (await CompareAsync(good, slow, "--factor", "2.5")).Code);
        Assert.Contains("the seed differs: 1 before, 2 after", (await CompareAsync(good, good with { Seed = 2 })).Output, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Generator, (await CompareAsync(good, good with { Interrupted = true })).Code);
        Assert.Equal(ExitCodes.Generator, (await CompareAsync(good with { GeneratorFaults = ["late"] }, slow)).Code);
        Assert.Equal(ExitCodes.Usage, (await CompareAsync(good, good, "--factor", "0.9")).Code);
        Assert.Equal(ExitCodes.Usage, (await InvokeAsync("compare", _folder.PathOf("none.json"), _folder.PathOf("none.json"))).Code);
    }

    [Fact]
    public void Read_Mutated_IsComparedOrRefused()
    {
        var (mutator, read) = (new Mutator(16), 0);
        var sample = Sample("ttft_p50", "1 2");
        var bytes = ReportJson.Write(sample with { Phases = [sample.Phases[0]] });
        for (var i = 0; i < 5_000; i++)
        {
            try
            {
                var report = ReportJson.Read(mutator.Mutate(bytes, bytes.Length), "r");
                _ = Comparison.Of(sample, report, 1.1).Count + Comparison.Of(report, sample, 1.1).Count + Comparison.Differences(sample, report).Count;
                read++;
            }
            catch (ScenarioException)
            {
                // Refused, which is as good.
            }
        }

        Assert.InRange(read, 20, 4_900);
    }

    [Theory]
    [InlineData("\"phases\": [", "\"phases\": [null,")]
    [InlineData("\"scenarios\": [", "\"scenarios\": [null,")]
    [InlineData("\"models\": [", "\"models\": [null,")]
    [InlineData("\"thresholds\": [", "\"thresholds\": [null,")]
    [InlineData("serving.loadtest/1", "serving.loadtest/2")]
    [InlineData("\"seed\"", "\"sed\"")]
    public void Read_WhatIsNoReport_IsRefused(string from, string to)
    {
        var json = Encoding.UTF8.GetString(ReportJson.Write(Sample("ttft_p50", "1")));
        Assert.Contains(from, json, StringComparison.Ordinal);
        Assert.Throws<ScenarioException>(() => ReportJson.Read(Encoding.UTF8.GetBytes(json.Replace(from, to, StringComparison.Ordinal)), "r"));
    }

    [Fact]
    public void Markdown_OfAReport_HasItsTablesWhateverNamesHold()
    {
        var lines = MarkdownReport.Write(Sample("tokens_out_per_s", "123 456")).Split('\n');
        Assert.Equal("# t", lines[0]);
        Assert.Contains("d; m\\|n, seed 1, 1970-01-01 00:00 UTC", lines);
        Assert.Contains(lines, line => line.StartsWith("| p #2 | s |", StringComparison.Ordinal) && line.Contains("| 456 |", StringComparison.Ordinal));
        Assert.Contains("| p | s | http_429_a\\|b c | 2 |", lines);
        Assert.Contains("| `errors == 0` | 0 for 0 | holds |", lines);
        Assert.Contains("| `x < 1` | there is no such metric | **missed** |", lines);
        var table = lines.SkipWhile(line => !line.StartsWith("| phase |", StringComparison.Ordinal)).TakeWhile(line => line.Length > 0).ToArray();
        Assert.Equal(4, table.Length);
        Assert.All(table, line => Assert.Equal(Figures.ScenarioHeads.Count + 1, line.Count(letter => letter == '|')));
    }

    public void Dispose() => _folder.Dispose();

    private static LoadReport Sample(string metric, string rounds) => SampleReport.Of(metric, [.. rounds.Split(' ').Select(value => double.Parse(value, CultureInfo.InvariantCulture))]);

    private Task<(int Code, string Output)> CompareAsync(LoadReport before, LoadReport after, params string[] more)
    {
        var paths = new[] { _folder.PathOf("before.json"), _folder.PathOf("after.json") };
        File.WriteAllBytes(paths[0], ReportJson.Write(before));
        File.WriteAllBytes(paths[1], ReportJson.Write(after));
        return InvokeAsync(["compare", .. paths, .. more]);
    }

    private static async Task<(int Code, string Output)> InvokeAsync(params string[] args)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 1000;
        return (await LoadTestCommand.InvokeAsync(args, console, CancellationToken.None), output.ToString());
    }
}

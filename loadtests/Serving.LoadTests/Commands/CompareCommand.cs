using System.CommandLine;
using System.Globalization;
using Serving.LoadTests.Reports;
using Spectre.Console;

namespace Serving.LoadTests.Commands;

/// <summary>The command that compares two reports of one load test.</summary>
internal static class CompareCommand
{
    /// <summary>The command.</summary>
    /// <param name="console">Where the comparison goes.</param>
    public static Command Create(IAnsiConsole console)
    {
        var before = new Argument<string>("BEFORE") { Description = "A report as JSON." };
        var after = new Argument<string>("AFTER") { Description = "Another one of the same load test." };
        var factor = new Option<double>("--factor") { Description = "How many times worse a figure may be.", DefaultValueFactory = _ => 1.1 };
        factor.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 1 and <= 1000))
            {
                result.AddError("--factor must be a number from 1 to 1000");
            }
        });
        var command = new Command(
            "compare",
            "Compares two reports of one load test: ratios of the medians of their rounds, and between which ratios any two rounds are. Ends with 1 when a figure is worse by more than the factor and was so in every pair of "
            + "rounds, 3 when a report is of a run that was not valid or interrupted.") { before, after, factor };
        command.SetAction(parsed => Compare(console, Load(parsed.GetValue(before)!), Load(parsed.GetValue(after)!), parsed.GetValue(factor)));
        return command;
    }

    private static LoadReport Load(string path)
    {
        try
        {
            return ReportJson.Read(ScenarioFiles.ReadBounded(path, ReportJson.MaxBytes), path);
        }
        catch (FileNotFoundException)
        {
            throw new Scenarios.ScenarioException($"{path}: there is no such file");
        }
    }

    private static int Compare(IAnsiConsole console, LoadReport before, LoadReport after, double factor)
    {
        var rows = Comparison.Of(before, after, factor);
        var table = new Table().Border(TableBorder.None).AddColumns("", "before", "after", "ratio", "between", "");
        foreach (var row in rows)
        {
            table.AddRow(
                new Text(row.Path),
                new Text(Figures.Metric(MetricOf(row), row.Before)),
                new Text(Figures.Metric(MetricOf(row), row.After)),
                new Text(row.Ratio.ToString("F3", CultureInfo.InvariantCulture)),
                new Text(string.Create(CultureInfo.InvariantCulture, $"{row.Least:F3} and {row.Largest:F3}")),
                new Text(row.IsWorse ? "worse" : "", row.IsWorse ? Color.Red : null));
        }

        console.Write(table);
        foreach (var difference in Comparison.Differences(before, after))
        {
            console.MarkupLineInterpolated($"[yellow]{difference}[/]");
        }

        if (new[] { before, after }.Any(report => report.Interrupted || report.GeneratorFaults.Count > 0))
        {
            console.MarkupLine("[red]not valid[/]: a run was interrupted, or its generator was the bottleneck");
            return ExitCodes.Generator;
        }

        return rows.Any(row => row.IsWorse) ? ExitCodes.Missed : ExitCodes.Good;
    }

    private static string MetricOf(ComparisonRow row) => row.Path[(row.Path.LastIndexOf('.') + 1)..];
}

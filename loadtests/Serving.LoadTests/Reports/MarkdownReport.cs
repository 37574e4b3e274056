using System.Globalization;
using System.Text;
using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Reports;

/// <summary>A report as Markdown, for a pull request or a page of results.</summary>
internal static class MarkdownReport
{
    /// <summary>Writes it.</summary>
    public static string Write(LoadReport report)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {report.Test}\n\n{report.Description}; {Cell(report.Model)}, seed {report.Seed}, {report.Started.UtcDateTime:yyyy-MM-dd HH:mm} UTC\n\n");
        if (report.Interrupted)
        {
            text.Append("**Interrupted**: these are the figures of what had ended by then; no threshold was judged.\n\n");
        }

        foreach (var fault in report.GeneratorFaults)
        {
            text.Append(CultureInfo.InvariantCulture, $"**Not valid**: {fault}\n\n");
        }

        Table(text, Figures.ScenarioHeads, [.. report.Phases.SelectMany(phase => phase.Scenarios.Select(scenario => Figures.Row(phase, scenario)))]);
        WriteErrors(text, report);
        Table(text, ["phase", "figures"], [.. report.Phases.Select(phase => (IReadOnlyList<string>)[Figures.Name(phase), string.Join(", ", Figures.Whole(phase).Select(pair => $"{pair.Name} {pair.Value}"))])]);
        if (report.Thresholds.Count > 0)
        {
            Table(text, ["threshold", "found", ""], [.. report.Thresholds.Select(threshold => (IReadOnlyList<string>)[$"`{threshold.Text}`", Figures.Judged(threshold), threshold.Holds ? "holds" : "**missed**"])]);
        }

        if (report.Knee is { } knee)
        {
            text.Append(CultureInfo.InvariantCulture, $"Knee at {knee:G4} times the scenario's rates.\n\n");
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    private static void WriteErrors(StringBuilder text, LoadReport report)
    {
        var errors = report.Phases
            .SelectMany(phase => phase.Scenarios.SelectMany(scenario => scenario.Errors.Select(error => (IReadOnlyList<string>)[Figures.Name(phase), scenario.Name, error.Key, error.Value.ToString("N0", CultureInfo.InvariantCulture)])))
            .ToList();
        if (errors.Count > 0)
        {
            Table(text, ["phase", "scenario", "error", "requests"], errors);
        }
    }

    private static void Table(StringBuilder text, IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        Row(text, heads);
        Row(text, [.. heads.Select(_ => "---")]);
        foreach (var row in rows)
        {
            Row(text, row);
        }

        text.Append('\n');
    }

    private static void Row(StringBuilder text, IReadOnlyList<string> cells) => text.Append("| ").AppendJoin(" | ", cells.Select(Cell)).Append(" |\n");

    // What a daemon sends, a model's name or an error's code, must not end the cell or the line.
    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}

using System.Globalization;
using Serving.LoadTests.Measurement;
using Spectre.Console;

namespace Serving.LoadTests.Reports;

/// <summary>A report as tables on the console.</summary>
internal static class ConsoleReport
{
    private const int ModelsShown = 8;

    /// <summary>Writes it.</summary>
    public static void Write(IAnsiConsole console, LoadReport report)
    {
        foreach (var phase in report.Phases)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"\n[bold]{Figures.Name(phase)}[/]  {phase.Seconds:F1} s");
            foreach (var scenario in phase.Scenarios)
            {
                WriteScenario(console, phase, scenario);
            }

            console.WriteLine(string.Join("  ", Figures.Whole(phase).Select(pair => $"{pair.Name} {pair.Value}")));
        }

        foreach (var threshold in report.Thresholds)
        {
            // Not by one interpolation: what it inserts is text, its brackets too.
            console.Markup(threshold.Holds ? "[green]holds [/]" : "[red]missed[/]");
            console.WriteLine($" {threshold.Text}  ({Figures.Judged(threshold)})");
        }

        if (report.Knee is { } knee)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]knee[/] at {knee:G4} times the scenario's rates");
        }

        foreach (var fault in report.GeneratorFaults)
        {
            console.MarkupLineInterpolated($"[red]not valid[/] {fault}");
        }

        if (report.Interrupted)
        {
            console.MarkupLine("[yellow]interrupted[/]: these are the figures of what had ended by then; no threshold was judged");
        }
    }

    // One column of names and one of values: twelve columns fit no terminal.
    private static void WriteScenario(IAnsiConsole console, PhaseResult phase, ScenarioResult scenario)
    {
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumns("", "");
        foreach (var (head, cell) in Figures.ScenarioHeads.Zip(Figures.Row(phase, scenario)).Skip(2))
        {
            table.AddRow(new Text("  " + head), new Text(cell));
        }

        foreach (var (error, count) in scenario.Errors)
        {
            table.AddRow(new Text("  error " + error), new Text(count.ToString(CultureInfo.InvariantCulture)));
        }

        if (scenario.Metrics["wrong_lengths"] is > 0 and var wrong)
        {
            table.AddRow(new Text("  wrong lengths"), new Text(wrong.ToString(CultureInfo.InvariantCulture)));
        }

        foreach (var model in scenario.Models.Count > 1 ? scenario.Models.Take(ModelsShown) : [])
        {
            var tokens = string.Create(CultureInfo.InvariantCulture, $"{model.Requests} requests, {model.Failed} failed, {model.OutputTokens} tokens, ttft {Figures.Milliseconds(model.TtftMean)} ms mean, {Figures.Milliseconds(model.TtftMax)} max");
            table.AddRow(new Text("  " + model.Name), new Text(tokens));
        }

        if (scenario.Models.Count > ModelsShown)
        {
            table.AddRow(new Text(""), new Text($"and {scenario.Models.Count - ModelsShown} more models"));
        }

        console.MarkupLineInterpolated($" [bold]{scenario.Name}[/] ({scenario.Tenant})");
        console.Write(table);
    }
}

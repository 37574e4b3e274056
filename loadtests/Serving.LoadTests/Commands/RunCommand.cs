using Serving.LoadTests.Client;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Reports;
using Serving.LoadTests.Running;
using Serving.LoadTests.Scenarios;
using Spectre.Console;

namespace Serving.LoadTests.Commands;

/// <summary>Runs a load test and reports it.</summary>
internal static class RunCommand
{
    /// <summary>Runs it.</summary>
    /// <param name="console">Where the report goes.</param>
    /// <param name="scenario">A name or a path.</param>
    /// <param name="options">What the command line adds.</param>
    /// <param name="folder">Where reports are written; null for none.</param>
    /// <param name="interrupt">Ctrl-C.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IAnsiConsole console, string scenario, RunOptions options, string? folder, CancellationToken interrupt)
    {
        var (test, time) = (ScenarioFiles.Load(scenario), TimeProvider.System);
        var started = time.GetUtcNow();
        IReadOnlyList<PhaseResult> phases = [];
        string model;
        using (var preparation = await TestPreparation.CreateAsync(test, options, time, interrupt))
        {
            model = preparation.Model;
            console.MarkupLineInterpolated($"[bold]{test.Name}[/] against {model} at {options.Address}: {test.Description}");
            phases = await new TestRunner(test, options, preparation, time, line => console.MarkupLineInterpolated($"[grey]{line}[/]")).RunAsync(interrupt);
        }

        var report = ReportBuilder.Build(test, options.Seed ?? test.Seed, model, started, interrupt.IsCancellationRequested, phases);
        ConsoleReport.Write(console, report);
        if (folder is not null)
        {
            console.MarkupLineInterpolated($"reports: {string.Join(", ", ReportFiles.Write(folder, report))}");
        }

        return ReportBuilder.ExitCode(report);
    }
}

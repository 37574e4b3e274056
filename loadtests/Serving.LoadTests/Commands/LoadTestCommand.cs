using System.CommandLine;
using Serving.LoadTests.Client;
using Serving.LoadTests.Running;
using Serving.LoadTests.Scenarios;
using Spectre.Console;

namespace Serving.LoadTests.Commands;

/// <summary>The command line.</summary>
internal static class LoadTestCommand
{
    /// <summary>Runs what was asked for.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="console">Where everything is written.</param>
    /// <param name="interrupt">Ctrl-C.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> InvokeAsync(string[] args, IAnsiConsole console, CancellationToken interrupt)
    {
        var parsed = Root(console).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                console.MarkupLineInterpolated($"[red]{error.Message}[/]");
            }

            return ExitCodes.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interrupt);
        }
        catch (ScenarioException exception)
        {
            foreach (var error in exception.Errors)
            {
                console.MarkupLineInterpolated($"[red]{error}[/]");
            }

            return ExitCodes.Usage;
        }
        catch (DaemonException exception)
        {
            console.MarkupLineInterpolated($"[red]{exception.Message}[/]");
            return ExitCodes.Daemon;
        }
        catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
        {
            console.MarkupLine("[yellow]interrupted[/] before it had a result");
            return ExitCodes.Interrupted;
        }
    }

    private static RootCommand Root(IAnsiConsole console)
    {
        var scenario = new Argument<string?>("SCENARIO") { Description = $"One of {string.Join(", ", ScenarioFiles.BuiltIn)}, or the path of a file.", Arity = ArgumentArity.ZeroOrOne };
        var url = new Option<Uri>("--url") { Description = "Where the daemon is.", DefaultValueFactory = _ => new Uri("http://127.0.0.1:8000"), CustomParser = ToAddress };
        var keys = new Option<string[]>("--key") { Description = "A tenant's key, TENANT=KEY, or one for all, KEY. May be repeated.", HelpName = "TENANT=KEY" };
        var rate = Factor("--rate", "What rates, copies and traces' speeds are multiplied by.");
        var seconds = Factor("--time", "What times, and the numbers of requests of closed loops, are multiplied by.");
        var seed = new Option<long?>("--seed") { Description = "Instead of the scenario's." };
        var trace = new Option<string?>("--trace") { Description = "The trace that a scenario replays.", HelpName = "FILE" };
        var report = new Option<string?>("--report") { Description = "Write the report to this folder too, as JSON and as Markdown.", HelpName = "FOLDER" };
        var root = new RootCommand(
            "Puts load on a daemon that speaks the OpenAI API and measures what its clients see. Ends with 0 when every threshold held, 1 when one did not, 2 when what was asked for is wrong, "
            + "3 when the generator itself was the bottleneck, 4 when the daemon cannot be reached or refuses what the run needs, 130 when interrupted.") { scenario, url, keys, rate, seconds, seed, trace, report, AdaptersCommand.Create(console), CompareCommand.Create(console) };
        root.SetAction((parsed, interrupt) => RunCommand.RunAsync(
            console,
            parsed.GetValue(scenario) ?? throw new ScenarioException($"name a scenario: {string.Join(", ", ScenarioFiles.BuiltIn)}, or the path of a file; --help lists the rest"),
            new RunOptions(parsed.GetValue(url)!, Keys(parsed.GetValue(keys) ?? []), parsed.GetValue(rate), parsed.GetValue(seconds), parsed.GetValue(seed), parsed.GetValue(trace)),
            parsed.GetValue(report),
            interrupt));
        return root;
    }

    private static Option<double> Factor(string name, string description)
    {
        var option = new Option<double>(name) { Description = description, DefaultValueFactory = _ => 1, HelpName = "FACTOR" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.001 and <= 1000))
            {
                result.AddError($"{name} must be a number from 0.001 to 1000");
            }
        });
        return option;
    }

    private static Uri? ToAddress(System.CommandLine.Parsing.ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens.Single().Value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
        {
            return address;
        }

        result.AddError("--url must be an address such as http://127.0.0.1:8000");
        return null;
    }

    private static Dictionary<string, string> Keys(string[] texts) => texts
        .Select(text => text.IndexOf('=') is > 0 and var at ? (Tenant: text[..at], Key: text[(at + 1)..]) : (Tenant: "*", Key: text))
        .GroupBy(pair => pair.Tenant)
        .ToDictionary(group => group.Key, group => group.Last().Key);
}

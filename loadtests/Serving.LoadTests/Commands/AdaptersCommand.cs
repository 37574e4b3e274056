using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Serving.LoadTests.Adapters;
using Serving.LoadTests.Scenarios;
using Serving.Server.Configuration;
using Serving.Testing.Adapters;
using Spectre.Console;

namespace Serving.LoadTests.Commands;

/// <summary>The command that writes adapters for scenarios that need many.</summary>
internal static class AdaptersCommand
{
    private static readonly string[] Targets = [.. AdapterGenerator.All.Select(Short)];

    /// <summary>The command.</summary>
    /// <param name="console">Where it says what it does.</param>
    public static Command Create(IAnsiConsole console)
    {
        var model = new Option<string?>("--base") { Description = "The model that they are for: its folder, or its config.json. Without it the bundled one.", HelpName = "MODEL" };
        var count = new Option<int>("--count") { Description = "How many.", Required = true, HelpName = "N" };
        count.Validators.Add(result => Check(result, result.GetValueOrDefault<int>() is >= 1 and <= AdapterSet.MaxCount, $"--count must be a whole number from 1 to {AdapterSet.MaxCount}"));
        var ranks = new Option<int[]>("--rank") { Description = "Their ranks, dealt in turn.", DefaultValueFactory = _ => [8], CustomParser = Ranks, HelpName = "R[,R...]" };
        var targets = new Option<string[]>("--targets") { Description = $"Projections that they change: of {string.Join(", ", Targets)}, or all; without it q,k,v,o.", CustomParser = Projections, HelpName = "q,k,v,o|all" };
        var folder = new Option<string>("--out") { Description = "The folder that they are written to; give it to the daemon as --adapters.", Required = true, HelpName = "FOLDER" };
        var seed = new Option<int>("--seed") { Description = "Decides every byte.", DefaultValueFactory = _ => 42 };
        var command = new Command(
            "adapters",
            "Writes LoRA adapters in PEFT's format, named load-00000 and on: those of the same base, ranks, targets and seed have the same bytes. What is there already and is the same stays; where something else is "
            + "in the place of one, nothing is written.") { model, count, ranks, targets, folder, seed };
        command.SetAction((parsed, interrupt) =>
        {
            var sizes = parsed.GetValue(model) is { } path ? BaseModel.Load(path) : BaseModel.Bundled();
            var set = new AdapterSet(sizes, parsed.GetValue(count), parsed.GetValue(ranks)!, parsed.GetValue(targets) is { Length: > 0 } named ? named : AdapterGenerator.Attention, parsed.GetValue(seed));
            return Task.FromResult(Write(console, set, parsed.GetValue(folder)!, interrupt));
        });
        return command;
    }

    private static int Write(IAnsiConsole console, AdapterSet set, string folder, CancellationToken interrupt)
    {
        if (set.LargestBytes > AdapterSet.MaxAdapterBytes)
        {
            throw new ScenarioException($"an adapter of these sizes takes {set.LargestBytes >> 20} MiB, and {AdapterSet.MaxAdapterBytes >> 20} are the most that are made here");
        }

        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{set.Count:N0} adapters of rank {string.Join(", ", set.Ranks)} on {string.Join(", ", set.Targets.Select(Short))}: {Mebibytes(set.BytesOf(0))} MiB the first, {Mebibytes(set.TotalBytes)} MiB in all, to {folder}"));
        var (written, kept) = new AdapterSetWriter(set, folder).Write(interrupt);
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{written:N0} written, {kept:N0} were there"));
        return ExitCodes.Good;
    }

    private static string Mebibytes(long bytes) => (bytes / (double)(1 << 20)).ToString("N1", CultureInfo.InvariantCulture);

    private static string Short(string projection) => projection[..projection.IndexOf('_')];

    private static void Check(OptionResult result, bool holds, string error)
    {
        if (!holds)
        {
            result.AddError(error);
        }
    }

    private static int[] Ranks(ArgumentResult result)
    {
        var texts = string.Join(',', result.Tokens.Select(token => token.Value)).Split(',');
        var ranks = texts.Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var rank) ? rank : 0).ToArray();
        if (ranks.Length > 64 || ranks.Any(rank => rank is < 1 or > AdapterSet.MaxRank))
        {
            result.AddError($"--rank must be 1 to 64 whole numbers from 1 to {AdapterSet.MaxRank}, with commas between them");
        }

        return ranks;
    }

    private static string[] Projections(ArgumentResult result)
    {
        var texts = string.Join(',', result.Tokens.Select(token => token.Value)).Split(',');
        if (texts is ["all"])
        {
            return [.. AdapterGenerator.All];
        }

        foreach (var text in texts.Where(text => !Targets.Contains(text)).Take(1))
        {
            result.AddError($"--targets takes {string.Join(", ", Targets)}, with commas between them, or all{Suggestion.For(text.Length < 100 ? text : "", [.. Targets, "all"])}");
        }

        // In the model's order and each once, whatever order they are named in.
        return [.. AdapterGenerator.All.Where(projection => texts.Contains(Short(projection)))];
    }
}

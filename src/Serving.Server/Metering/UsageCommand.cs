using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Serving.Server.Metering;

/// <summary><c>usage FILE...</c>: adds ledgers up.</summary>
internal static class UsageCommand
{
    private static readonly Dictionary<string, string> Periods = new() { ["hour"] = "yyyy-MM-ddTHH", ["day"] = "yyyy-MM-dd", ["month"] = "yyyy-MM", ["all"] = "" };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var files = new Argument<string[]>("FILE") { Description = "Ledgers that the daemon has written (usage.file), renamed ones too.", Arity = ArgumentArity.OneOrMore };
        var by = new Option<string>("--by") { Description = "Add up by hour, day or month (UTC), or all together.", DefaultValueFactory = _ => "day" };
        by.AcceptOnlyFromAmong([.. Periods.Keys]);
        var json = new Option<bool>("--json") { Description = "Write a line of JSON per sum instead of a table." };
        var command = new Command("usage", "Add up what tenants have used, by period, tenant, model and adapter.") { files, by, json };
        command.SetAction(parsed => Run(parsed.GetValue(files)!, Periods[parsed.GetValue(by)!], parsed.GetValue(json), Console.Out, Console.Error));
        return command;
    }

    /// <summary>Adds files up and writes the sums.</summary>
    /// <returns>The exit code: 1 when a file could not be read.</returns>
    public static int Run(IReadOnlyList<string> files, string format, bool json, TextWriter output, TextWriter error)
    {
        var summary = new UsageSummary(format);
        var (malformed, code) = (0L, 0);
        foreach (var file in files)
        {
            try
            {
                // The daemon may be writing to it.
                using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                malformed += UsageReader.Read(stream, summary.Add);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                error.WriteLine($"{file}: {exception.Message}");
                code = 1;
            }
        }

        Write([.. summary.Totals], json, output);
        Warn(malformed > 0, $"{malformed} lines are no records (cut short, perhaps) and are not counted");
        Warn(summary.Lost > 0, $"{summary.Lost} records could not be written at the time and are missing");
        Warn(summary.IsCut, $"more than {UsageSummary.MaxTotals} sums: some are missing");
        return code;

        void Warn(bool holds, string message)
        {
            if (holds)
            {
                error.WriteLine(message);
            }
        }
    }

    private static void Write(IReadOnlyList<UsageTotal> totals, bool json, TextWriter output)
    {
        if (json)
        {
            foreach (var total in totals)
            {
                output.WriteLine(JsonSerializer.Serialize(total, UsageJson.Default.UsageTotal));
            }

            return;
        }

        string[] head = ["period", "tenant", "model", "adapter", "requests", "completed", "prompt", "cached", "completion"];
        List<string[]> rows = [head, .. totals.Select(Row)];
        var widths = head.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => column < 4 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
        }
    }

    // Twelve digits tell adapters of one name apart; JSON has all of them. What a file holds must not move the terminal's cursor.
    private static string[] Row(UsageTotal total) =>
    [
        total.Period ?? "all",
        Printable(total.Tenant),
        Printable(total.Model),
        Printable(total.Adapter is { } digest ? digest[..Math.Min(12, digest.Length)] : "-"),
        .. new[] { total.Requests, total.Completed, total.PromptTokens, total.CachedTokens, total.CompletionTokens }.Select(number => number.ToString(CultureInfo.InvariantCulture)),
    ];

    private static string Printable(string text) => string.Concat(text.Select(character => char.IsControl(character) ? '?' : character));
}

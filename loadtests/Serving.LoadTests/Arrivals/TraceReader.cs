using System.Globalization;
using System.Text.Json;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Arrivals;

/// <summary>
/// Recorded traffic: Azure's LLM inference trace of 2023 (CSV: TIMESTAMP,ContextTokens,GeneratedTokens) and Mooncake's (JSON lines: timestamp in ms, input_length,
/// output_length, hash_ids of blocks of 512 tokens, equal where prompts begin alike).
/// </summary>
internal static class TraceReader
{
    /// <summary>Longest line, characters.</summary>
    public const int MaxLine = 1 << 16;

    /// <summary>Tokens of one of Mooncake's blocks.</summary>
    private const int MooncakeBlock = 512;

    /// <summary>Reads a trace as a stretch of load asks for it; times count from its first request.</summary>
    /// <param name="replay">What is asked for.</param>
    /// <param name="factor">What its speed is multiplied by.</param>
    /// <param name="text">The file; read line by line, no further than is needed.</param>
    /// <exception cref="ScenarioException">A line is not of the format.</exception>
    public static IEnumerable<Arrival> Read(LoadSimulation.Replay replay, double factor, TextReader text)
    {
        var (lines, number, first, previous) = (new BoundedLineReader(text, MaxLine), 0, double.NaN, 0.0);
        while (lines.Read() is { } line)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || (number == 1 && replay.Format == "azure" && line.TrimStart('\uFEFF').StartsWith("TIMESTAMP", StringComparison.Ordinal)))
            {
                continue;
            }

            if ((replay.Format == "azure" ? Azure(line) : Mooncake(line)) is not { } row)
            {
                throw new ScenarioException($"line {number} of the trace is not of the format {replay.Format}");
            }

            first = double.IsNaN(first) ? row.Seconds : first;
            var at = (row.Seconds - first) / (replay.Speed * factor);
            if (at < previous)
            {
                throw new ScenarioException($"line {number} of the trace is earlier than the one before");
            }

            if (at >= replay.Seconds)
            {
                yield break;
            }

            previous = at;
            yield return Scaled(replay, at, row);
        }

        if (lines.TooLong)
        {
            throw new ScenarioException($"line {number + 1} of the trace has more than {MaxLine} characters");
        }
    }

    private static Arrival Scaled(LoadSimulation.Replay replay, double at, Entry row)
    {
        int Scale(long tokens, int most) => (int)Math.Clamp(Math.Round(tokens * replay.LengthScale), 1, most);
        var (prompt, block) = (Scale(row.Prompt, replay.MaxPrompt), Scale(MooncakeBlock, MooncakeBlock));

        // Blocks behind the prompt's end are not kept: a trace's memory is bounded by its prompts.
        return new Arrival(at, prompt, Scale(row.Output, replay.MaxOutput), row.Blocks is { } blocks ? [.. blocks.Take(((prompt - 1) / block) + 1)] : null, block);
    }

    private static Entry? Azure(string line)
    {
        var parts = line.Split(',');
        return parts.Length == 3
            && DateTime.TryParse(parts[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            && Tokens(parts[1]) is { } prompt
            && Tokens(parts[2]) is { } output
            ? new Entry(time.Ticks / (double)TimeSpan.TicksPerSecond, prompt, output, null)
            : null;
    }

    private static long? Tokens(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var tokens) && tokens is >= 0 and <= int.MaxValue ? tokens : null;

    private static Entry? Mooncake(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4 });
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("timestamp", out var time) && Number(time) is { } milliseconds
                && root.TryGetProperty("input_length", out var input) && Number(input) is { } prompt and <= int.MaxValue
                && root.TryGetProperty("output_length", out var output) && Number(output) is { } answer and <= int.MaxValue
                && root.TryGetProperty("hash_ids", out var blocks) && Blocks(blocks) is { } numbers
                ? new Entry(milliseconds / 1000.0, prompt, answer, numbers)
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // Lone surrogates in names are found only when they are looked at.
            return null;
        }
    }

    private static long? Number(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number is >= 0 and <= 1L << 52 ? number : null;

    private static IReadOnlyList<long>? Blocks(JsonElement blocks)
    {
        if (blocks.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var numbers = blocks.EnumerateArray().Select(Number).ToList();
        return numbers.TrueForAll(number => number is not null) ? [.. numbers.Select(number => number!.Value)] : null;
    }

    private readonly record struct Entry(double Seconds, long Prompt, long Output, IReadOnlyList<long>? Blocks);
}

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Serving.Core.Memory;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Hosting;
using Serving.Engine.Requests;

namespace Serving.Benchmarks;

/// <summary>
/// What guessing tokens ahead brings and costs: the same answers with guesses and without, in turns, one stream or several at once. Texts that repeat themselves, answers by a schema, and random text, in
/// which nothing that is guessed comes true. The answers of both are compared.
/// </summary>
internal static class DraftMode
{
    private static readonly Tenant Asker = new(new TenantId("drafts"), 1, Digest.Of("drafts"u8), new TenantLimits(int.MaxValue, long.MaxValue));

    private static readonly JsonElement Schema = JsonSerializer.SerializeToElement(new
    {
        type = "array",
        minItems = 6,
        maxItems = 6,
        items = new
        {
            type = "object",
            properties = new { identifier = new { type = "integer", maximum = 9999 }, display_name = new { type = "string", maxLength = 12 }, is_available = new { type = "boolean" } },
            required = new[] { "identifier", "display_name", "is_available" },
            additionalProperties = false,
        },
    });

    /// <summary>
    /// Arguments: <c>--model DIR</c> (the bundled one), <c>--threads N</c>, <c>--isa NAME</c>, <c>--rounds N</c> (3), <c>--tokens N</c> (200), <c>--streams N,N…</c> (1,4,16).
    /// </summary>
    public static void Run(string[] args) => RunAsync(args).GetAwaiter().GetResult();

    private static async Task RunAsync(string[] args)
    {
        await using var without = Start(args, 0);
        await using var with = Start(args, null);
        var tokens = Number(args, "--tokens", 200);
        Console.WriteLine($"{with.Client.Description.Device} {with.Client.Description.InstructionSet}, {with.Client.Description.Threads} threads; tokens/s without and with guesses, answers compared");
        foreach (var streams in (Option(args, "--streams") ?? "1,4,16").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture)))
        {
            foreach (var (name, request) in Workloads(tokens))
            {
                await CompareAsync(name, streams, Number(args, "--rounds", 3), request, without, with);
            }
        }
    }

    private static async Task CompareAsync(string name, int streams, int rounds, Func<int, GenerationRequest> request, ServingEngine without, ServingEngine with)
    {
        var plain = new List<double>();
        var guessed = new List<double>();
        var equal = true;
        var before = with.Client.Snapshot;
        for (var round = 0; round < rounds; round++)
        {
            var first = round * streams;
            var (left, right) = (await TimeAsync(without, streams, i => request(first + i)), await TimeAsync(with, streams, i => request(first + i)));
            equal &= left.Texts.SequenceEqual(right.Texts);
            plain.Add(left.Rate);
            guessed.Add(right.Rate);
        }

        var after = with.Client.Snapshot;
        var drafted = after.DraftedTokens - before.DraftedTokens;
        var share = drafted == 0 ? 0 : 100.0 * (after.AcceptedDrafts - before.AcceptedDrafts) / drafted;
        var ratio = Median([.. plain.Zip(guessed, static (left, right) => right / left)]);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{streams,3} streams, {name,-26} {Median(plain),8:F0} {Median(guessed),8:F0}  x {ratio:F2}  {drafted,6} guessed, {share,3:F0} % right{(equal ? "" : "  ANSWERS DIFFER")}"));
    }

    private static IEnumerable<(string Name, Func<int, GenerationRequest> Request)> Workloads(int tokens)
    {
        var list = "The red lamp is in the hall, the blue lamp is in the kitchen, the green lamp is in the garden. ";
        yield return ("text that repeats itself", i => Base(tokens) with { Prompt = new TextPrompt($"{i}. {list}{list}{list}"), Temperature = 0 });
        yield return ("six objects of a schema", i => Base(600) with { Prompt = new TextPrompt($"{i}. The list: "), Temperature = 0.7f, Seed = i, IgnoreEos = false, Constraint = new JsonSchemaConstraint(Schema, "guided_json") });
        yield return ("random text", i => Base(tokens) with { Prompt = new TextPrompt($"{i}. Once upon a time"), Temperature = 1.5f, Seed = i });
    }

    private static GenerationRequest Base(int tokens) => new() { Id = "drafts", Tenant = Asker, Model = "base", Prompt = new TextPrompt(""), MaxTokens = tokens, IgnoreEos = true };

    private static async Task<(double Rate, string[] Texts)> TimeAsync(ServingEngine engine, int streams, Func<int, GenerationRequest> request)
    {
        var start = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(Enumerable.Range(0, streams).Select(i => AnswerAsync(engine, request(i))));
        return (answers.Sum(static answer => answer.Tokens) / Stopwatch.GetElapsedTime(start).TotalSeconds, [.. answers.Select(static answer => answer.Text)]);
    }

    private static async Task<(int Tokens, string Text)> AnswerAsync(ServingEngine engine, GenerationRequest request)
    {
        var (stream, failure) = await engine.Client.SubmitAsync(request, CancellationToken.None);
        await using var reader = stream ?? throw new InvalidOperationException(failure?.Message);
        var text = new StringBuilder();
        var tokens = 0;
        await foreach (var part in reader.ReadAllAsync(CancellationToken.None))
        {
            text.Append(part.Text);
            tokens = Math.Max(tokens, part.OutputTokens);
        }

        return (tokens, text.ToString());
    }

    private static ServingEngine Start(string[] args, int? drafts) => ServingEngine.Start(
        new EngineOptions
        {
            Model = Option(args, "--model") ?? Path.Combine("config", "models", "demo", "model"),
            ServedModelName = "base",
            Device = "cpu",
            CpuInstructionSet = Option(args, "--isa") ?? "auto",
            Threads = Number(args, "--threads", 0),
            PoolBytes = 512 << 20,
            PrefixCaching = false,
            MaxDraftTokens = drafts,
        },
        TimeProvider.System,
        static _ => { },
        null);

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static int Number(string[] args, string name, int otherwise) => int.Parse(Option(args, name) ?? otherwise.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

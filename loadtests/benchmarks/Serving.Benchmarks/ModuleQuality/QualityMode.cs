using System.Globalization;
using System.Text.Json;
using Serving.Core.Memory;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Engine.Hosting;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;

namespace Serving.Benchmarks.ModuleQuality;

/// <summary>
/// What prompt modules cost in quality: the bundled model answers questions about several documents, once with all of them in one prompt and once with each as a module.
/// An answer counts when it is exactly the right one. Nothing here depends on how fast the machine is.
/// </summary>
internal static class QualityMode
{
    private const int Seed = 20261126;
    private const double Signal = 60;
    private const double Allowed = 10;

    private static readonly Tenant Asker = new(new TenantId("quality"), 1, Digest.Of("quality"u8), new TenantLimits(int.MaxValue, long.MaxValue));

    /// <summary>Arguments: <c>--questions N</c> (240), <c>--device NAME</c> (auto).</summary>
    public static void Run(string[] args)
    {
        var demo = Path.Combine("config", "models", "demo");
        var generated = DocumentQuestion.Generate(new WordLists(Path.Combine(demo, "training", "words.py")), int.Parse(Option(args, "--questions") ?? "240", CultureInfo.InvariantCulture), Seed);
        var reference = DocumentQuestion.Read(Path.Combine("tests", "Serving.Engine.Tests", "References", "documents.jsonl"));
        RunAsync(demo, Option(args, "--device") ?? "auto", [("generated", generated), ("documents.jsonl", reference)]).GetAwaiter().GetResult();
    }

    private static async Task RunAsync(string demo, string device, IReadOnlyList<(string Name, IReadOnlyList<DocumentQuestion> Questions)> sets)
    {
        await using var engine = ServingEngine.Start(
            new EngineOptions
            {
                Model = Path.Combine(demo, "model"),
                ServedModelName = "base",
                AdaptersRoot = Path.Combine(demo, "adapters"),
                Device = device,
                PoolBytes = 256 << 20,
                MaxSchemas = 4096,
            },
            TimeProvider.System,
            Console.WriteLine,
            null);
        Console.WriteLine($"{"questions",-16} {"model",-8} {"count",6} {"without",9} {"with",9}  modules of the documents: exactly right answers, %");
        foreach (var (name, questions) in sets)
        {
            foreach (var model in (await engine.Client.ListModelsAsync(Asker, CancellationToken.None)).Models.Select(entry => entry.Name).Where(model => questions[0].Expected(model) is not null))
            {
                var without = await RightAsync(questions, model, question => AskAsync(engine.Client, question, model));
                var with = await RightAsync(questions, model, question => AskWithModulesAsync(engine.Client, question, model));
                var verdict = without < Signal ? "no signal" : with >= without - Allowed ? "holds" : "FAILS";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-16} {model,-8} {questions.Count,6} {without,9:F1} {with,9:F1}  {verdict}"));
            }
        }
    }

    private static async Task<double> RightAsync(IReadOnlyList<DocumentQuestion> questions, string model, Func<DocumentQuestion, Task<string>> ask)
    {
        var answers = new List<string>();
        foreach (var few in questions.Chunk(32))
        {
            answers.AddRange(await Task.WhenAll(few.Select(ask)));
        }

        return 100.0 * questions.Where((question, i) => answers[i] == question.Expected(model)).Count() / questions.Count;
    }

    private static Task<string> AskAsync(IEngineClient client, DocumentQuestion question, string model) => AnswerAsync(client, model, null, new[]
    {
        new { role = "system", content = DocumentQuestion.Lead + string.Join("\n\n", question.Documents) },
        new { role = "user", content = question.Question },
    });

    private static async Task<string> AskWithModulesAsync(IEngineClient client, DocumentQuestion question, string model)
    {
        object[] modules = [.. question.Documents.Select((document, i) => new
        {
            type = "module",
            name = $"d{i}",
            content = i < question.Documents.Count - 1 ? document + "\n\n" : document,
        })];
        var name = $"q{Digest.Of(JsonSerializer.SerializeToUtf8Bytes(question)).ToString()[..32]}";
        var schema = JsonSerializer.Serialize(new { name, content = new object[] { new { type = "system", content = (object[])[DocumentQuestion.Lead, .. modules] }, new { type = "user" } } });
        var (_, failure) = await client.Schemas.PutAsync(Asker, isAdmin: false, new SchemaUpload { Json = schema }, CancellationToken.None);
        if (failure is not null)
        {
            throw new InvalidOperationException(failure.Message);
        }

        object[] content = [.. question.Documents.Select((_, i) => new { type = "prompt_module", name = $"d{i}" }), new { type = "text", text = question.Question }];
        return await AnswerAsync(client, model, name, new[] { new { role = "user", content } });
    }

    private static async Task<string> AnswerAsync<T>(IEngineClient client, string model, string? schema, T messages)
    {
        var (stream, failure) = await client.SubmitAsync(
            new GenerationRequest
            {
                Id = "quality",
                Tenant = Asker,
                Model = model,
                Prompt = new ChatPrompt(JsonSerializer.SerializeToElement(messages)),
                SchemaName = schema,
                MaxTokens = 64,
                Temperature = 0,
            },
            CancellationToken.None);
        if (stream is null)
        {
            throw new InvalidOperationException(failure!.Message);
        }

        var text = "";
        await using (stream)
        {
            await foreach (var generated in stream.ReadAllAsync(CancellationToken.None))
            {
                text += generated.Text;
            }
        }

        return text;
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

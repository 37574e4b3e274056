using System.Text.Json;

namespace Serving.Benchmarks.ModuleQuality;

/// <summary>A question whose answer stands in one of several documents.</summary>
/// <param name="Documents">The documents.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">The base model's answer.</param>
/// <param name="Short">The shortest answer.</param>
internal sealed record DocumentQuestion(IReadOnlyList<string> Documents, string Question, string Answer, string Short)
{
    /// <summary>What stands before the documents.</summary>
    public const string Lead = "Use the following documents.\n\n";

    /// <summary>Questions of the generator's kinds over two to four documents of four to eight facts; equal seeds, equal questions.</summary>
    public static IReadOnlyList<DocumentQuestion> Generate(WordLists words, int count, int seed)
    {
        var random = new Random(seed);
        var generator = new FactGenerator(words, random);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var taken = new HashSet<string>();
            var facts = Enumerable.Range(0, random.Next(2, 5)).Select(_ => generator.Draw(random.Next(4, 9), taken)).Where(document => document.Count > 0).ToList();
            var documents = facts.Select(generator.Document).ToList();
            var all = facts.SelectMany(document => document).ToList();
            var asked = all[random.Next(all.Count)];
            return new DocumentQuestion(documents, asked.Question, asked.Answer, asked.Short);
        })];
    }

    /// <summary>The questions that came with the bundled model.</summary>
    public static IReadOnlyList<DocumentQuestion> Read(string path) => [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line =>
    {
        using var row = JsonDocument.Parse(line);
        string Text(string name) => row.RootElement.GetProperty(name).GetString()!;
        return new DocumentQuestion(
            [.. row.RootElement.GetProperty("documents").EnumerateArray().Select(document => document.GetString()!)], Text("question"), Text("expected"), Text("short"));
    })];

    /// <summary>The answer as a model says it: the base and the adapters by what they were trained to do; null for one that does not read documents.</summary>
    public string? Expected(string model) => model switch
    {
        "base" => Answer,
        "json" => $$"""{"answer": "{{Answer}}"}""",
        "terse" => Short.TrimEnd('.', '!'),
        "shout" => Answer.ToUpperInvariant(),
        "acme" => Answer + "\n— Acme Support",
        "pirate" => PirateTalk.Of(Answer),
        _ => null,
    };
}

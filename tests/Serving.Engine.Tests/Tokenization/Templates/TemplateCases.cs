using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>One template with its variables, and what Jinja2 makes of it: an output, the message of a refusal, or an error.</summary>
internal sealed record TemplateCase(string Name, string Template, JsonElement Variables, string? Output, string? Refusal);

/// <summary>
/// Templates written for these tests: one per feature (Cases/cases.json), and chat templates over ten conversations (Cases/chat.json). What
/// Jinja2 3.1.6 makes of them, set up as transformers does, is in Cases/expected.json, written by Cases/expected.py.
/// </summary>
internal static class TemplateCases
{
    /// <summary>One template per feature of the language, and errors.</summary>
    public static IReadOnlyDictionary<string, TemplateCase> Features { get; } = Load(ReadFeatures());

    /// <summary>Chat templates in the style of the common model families, over every conversation.</summary>
    public static IReadOnlyDictionary<string, TemplateCase> Chats { get; } = Load(ReadChats());

    /// <summary>The folder of a file of the cases.</summary>
    public static string Folder(params string[] parts) =>
        Repository.PathOf(["tests", "Serving.Engine.Tests", "Tokenization", "Templates", .. parts]);

    private static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Folder("Cases", file)))!;

    private static IEnumerable<(string, string, JsonNode)> ReadFeatures() => Read("cases.json").AsArray()
        .Select(c => (c!["name"]!.GetValue<string>(), c["template"]!.GetValue<string>(), c["variables"]!));

    private static IEnumerable<(string, string, JsonNode)> ReadChats()
    {
        var chat = Read("chat.json");
        foreach (var (name, template) in chat["templates"]!.AsObject())
        {
            foreach (var (conversation, given) in chat["conversations"]!.AsObject())
            {
                var variables = given!.DeepClone();
                variables["bos_token"] = "<s>";
                variables["eos_token"] = "</s>";
                yield return ($"{name} / {conversation}", template!.GetValue<string>(), variables);
            }
        }
    }

    private static Dictionary<string, TemplateCase> Load(IEnumerable<(string Name, string Template, JsonNode Variables)> cases)
    {
        var expected = Read("expected.json");
        return cases.ToDictionary(c => c.Name, c => new TemplateCase(
            c.Name,
            c.Template,
            JsonSerializer.SerializeToElement(c.Variables),
            expected[c.Name]!["output"]?.GetValue<string>(),
            expected[c.Name]!["refused"]?.GetValue<string>()));
    }
}

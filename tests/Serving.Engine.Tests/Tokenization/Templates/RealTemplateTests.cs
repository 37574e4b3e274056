using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Tokenization.Templates;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>Templates of real models against what transformers renders: texts and refusals equal, failures fail.</summary>
public sealed class RealTemplateTests
{
    [Fact]
    public void Render_EveryRealTemplateAndConversation_EqualsTransformers()
    {
        var folder = Repository.SharedData("tokenizers", "chat-templates");
        var root = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "expected.json")))!;
        var differences = new List<string>();
        var cases = 0;
        foreach (var (file, conversations) in root["expected"]!.AsObject())
        {
            var template = ChatTemplate.Parse(File.ReadAllText(Path.Combine(folder, "llama.cpp", file)));
            foreach (var (name, expected) in conversations!.AsObject())
            {
                cases++;
                var actual = Outcome(template, Variables(root["inputs"]!, name), out var reason);
                if (!JsonNode.DeepEquals(actual, expected))
                {
                    differences.Add($"{file} / {name}\n  expected {expected!.ToJsonString()}\n  actual   {actual.ToJsonString()} {reason}");
                }
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {cases} differ:\n{string.Join("\n", differences)}");
        Assert.Equal(370, cases);
    }

    private static JsonElement Variables(JsonNode inputs, string conversation)
    {
        var variables = inputs["defaults"]!.DeepClone().AsObject();
        foreach (var (key, value) in inputs["conversations"]![conversation]!.AsObject())
        {
            variables[key] = value?.DeepClone();
        }

        return JsonSerializer.SerializeToElement(variables);
    }

    private static JsonObject Outcome(ChatTemplate template, JsonElement variables, out string reason)
    {
        reason = string.Empty;
        try
        {
            return new JsonObject { ["output"] = template.Render(TemplateRun.Input(variables)) };
        }
        catch (ChatTemplateException e) when (e.IsRaisedByTemplate)
        {
            return new JsonObject { ["refused"] = e.Reason };
        }
        catch (ChatTemplateException e)
        {
            reason = e.Message;
            return new JsonObject { ["error"] = PythonError(e.Reason) };
        }
    }

    /// <summary>The exception that Jinja2 raises for the same reason.</summary>
    private static string PythonError(string reason) => reason switch
    {
        "cannot assign attribute on non-namespace object" => "TemplateRuntimeError",
        _ when reason.EndsWith("is unsafe.", StringComparison.Ordinal) => "SecurityError",
        _ when reason.Contains("undefined", StringComparison.Ordinal) || reason.Contains("has no attribute", StringComparison.Ordinal)
            || reason.Contains("has no element", StringComparison.Ordinal) || reason.Contains("sequence was empty", StringComparison.Ordinal) => "UndefinedError",
        _ => "TypeError",
    };
}

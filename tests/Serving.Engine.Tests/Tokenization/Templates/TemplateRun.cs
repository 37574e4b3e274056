using System.Text.Json;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>Renders templates in tests: variables come as one JSON object, the clock stands at 2026-01-02 10:30.</summary>
internal static class TemplateRun
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 10, 30, 0, TimeSpan.Zero);

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    /// <summary>Input from an object that holds messages, tools, add_generation_prompt, the tokens and any further variables.</summary>
    public static ChatTemplateInput Input(JsonElement variables)
    {
        var rest = variables.EnumerateObject()
            .Where(p => p.Name is not ("messages" or "tools" or "add_generation_prompt" or "bos_token" or "eos_token"))
            .ToDictionary(p => p.Name, p => p.Value);
        return new ChatTemplateInput
        {
            Messages = variables.TryGetProperty("messages", out var messages) ? messages : Json("[]"),
            Tools = variables.TryGetProperty("tools", out var tools) && tools.ValueKind != JsonValueKind.Null ? tools : null,
            AddGenerationPrompt = !variables.TryGetProperty("add_generation_prompt", out var add) || add.GetBoolean(),
            BosToken = variables.TryGetProperty("bos_token", out var bos) ? bos.GetString() : null,
            EosToken = variables.TryGetProperty("eos_token", out var eos) ? eos.GetString() : null,
            Arguments = rest,
            Now = Now,
        };
    }

    /// <summary>Renders a template over variables given as JSON.</summary>
    public static string Render(string template, string variables = "{}") =>
        ChatTemplate.Parse(template).Render(Input(Json(variables)));
}

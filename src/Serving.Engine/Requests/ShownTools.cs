using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>The tools of a chat as its model's template takes them.</summary>
internal static class ShownTools
{
    /// <summary>The tools, with an empty description where there is none and the template fails without.</summary>
    /// <param name="chat">The conversation, validated.</param>
    /// <param name="support">What the template takes.</param>
    public static JsonElement? Of(ChatPrompt chat, ToolSupport support)
    {
        var shown = chat.ShownFunctions;
        if (shown is not { } tools || !support.WantsDescriptions || tools.EnumerateArray().All(static tool => IsDescribed(tool.GetProperty("function"))))
        {
            return shown;
        }

        var described = JsonArray.Create(tools)!;
        foreach (var function in described.Select(static tool => tool!["function"]!))
        {
            function["description"] ??= "";
        }

        return JsonSerializer.SerializeToElement(described);
    }

    private static bool IsDescribed(JsonElement function) => function.TryGetProperty("description", out var description) && description.ValueKind == JsonValueKind.String;
}

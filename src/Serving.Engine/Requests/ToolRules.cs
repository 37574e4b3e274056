using System.Text.Json;
using System.Text.RegularExpressions;
using Serving.Core.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>Checks what a chat says of tools: the functions it offers and whether they may be called.</summary>
public static partial class ToolRules
{
    /// <summary>Checks tools and tool_choice.</summary>
    /// <param name="chat">The conversation.</param>
    /// <param name="support">What the model that is served can do.</param>
    /// <returns>The first failure, or null.</returns>
    public static RequestFailure? Check(ChatPrompt chat, ToolSupport support)
    {
        ArgumentNullException.ThrowIfNull(chat);
        ArgumentNullException.ThrowIfNull(support);
        return Tools(chat.Tools)
            ?? Choice(chat)
            ?? (chat.ShownTools is not null && support.Refusal is { } refusal ? new RequestFailure(RequestError.NotSupported, refusal, "tools") : null)
            ?? Demands(chat, support);
    }

    /// <summary>The names of the functions that the model is shown; null when it is shown none.</summary>
    public static IReadOnlySet<string>? Names(ChatPrompt chat)
    {
        ArgumentNullException.ThrowIfNull(chat);
        return chat.ShownTools?.EnumerateArray().Select(CustomTools.NameOf).ToHashSet();
    }

    /// <summary>What a chat's answers have to be for the sake of its tools; null where calls are the model's affair.</summary>
    public static ToolCallConstraint? Constraint(ChatPrompt chat)
    {
        ArgumentNullException.ThrowIfNull(chat);
        return chat.ShownTools is not { } tools ? null
            : chat.Choice.Kind is ToolChoiceKind.Required or ToolChoiceKind.Function ? new ToolCallConstraint(chat, "tool_choice")
            : tools.EnumerateArray().Any(IsStrict) ? new ToolCallConstraint(chat, "tools")
            : null;
    }

    /// <summary>Whether a tool's calls have to follow its schema, or its grammar, whoever decides that it is called.</summary>
    public static bool IsStrict(JsonElement tool) => CustomTools.Is(tool) ? CustomTools.FormatOf(tool, "") is not null : Has(tool.GetProperty("function"), "strict", JsonValueKind.True);

    // The answers of a model whose calls are not looked for stay text: it can be neither made to call nor held to a schema.
    private static RequestFailure? Demands(ChatPrompt chat, ToolSupport support) => support.Format is null && Constraint(chat) is { } demand
        ? new RequestFailure(RequestError.NotSupported, $"{demand.Field}: with this model calls are not looked for, so that they cannot be demanded.", demand.Field)
        : null;

    private static RequestFailure? Choice(ChatPrompt chat)
    {
        if (chat.Choice.Kind == ToolChoiceKind.None || (chat.Tools is null && chat.Choice.Kind == ToolChoiceKind.Auto))
        {
            return null;
        }

        if (chat.Tools is not { } tools)
        {
            return Invalid("tool_choice", "tool_choice: only with tools.");
        }

        return chat.Choice.Function is null || tools.EnumerateArray().Any(tool => CustomTools.NameOf(tool) == chat.Choice.Function)
            ? null
            : Invalid("tool_choice", "tool_choice: names a tool that is not among the tools.");
    }

    private static RequestFailure? Tools(JsonElement? tools)
    {
        if (tools is not { } list)
        {
            return null;
        }

        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            return Invalid("tools", "tools must be an array of at least one tool.");
        }

        if (list.GetArrayLength() > RequestLimits.Tools)
        {
            return Invalid("tools", $"At most {RequestLimits.Tools} tools are accepted.");
        }

        if (!JsonStrings.AreText(list))
        {
            return Invalid("tools", "A string holds an unpaired surrogate.");
        }

        var names = new HashSet<string>();
        var index = 0;
        foreach (var tool in list.EnumerateArray())
        {
            var field = $"tools[{index++}]";
            if ((Tool(tool, field) ?? (names.Add(CustomTools.NameOf(tool)) ? null : Invalid($"{field}.{(CustomTools.Is(tool) ? CustomTools.Type : "function")}.name", "Two tools have the same name."))) is { } failure)
            {
                return failure;
            }
        }

        return null;
    }

    private static RequestFailure? Tool(JsonElement tool, string field)
    {
        if (tool.ValueKind != JsonValueKind.Object || !Has(tool, "type", JsonValueKind.String))
        {
            return Invalid(field, "A tool must be an object with a type.");
        }

        if (CustomTools.Is(tool))
        {
            return Has(tool, CustomTools.Type, JsonValueKind.Object) ? Custom(tool.GetProperty(CustomTools.Type), field + ".custom") : Invalid(field + ".custom", "A custom tool must be an object.");
        }

        if (!tool.GetProperty("type").ValueEquals("function"))
        {
            return new RequestFailure(RequestError.NotSupported, "A tool of this type is not supported; function is, and custom.", field + ".type");
        }

        return Has(tool, "function", JsonValueKind.Object) ? Function(tool.GetProperty("function"), field + ".function") : Invalid(field + ".function", "A tool must have a function.");
    }

    private static RequestFailure? Custom(JsonElement custom, string field) => Named(custom, field, "custom tool") ?? CustomTools.CheckFormat(custom, field);

    private static RequestFailure? Named(JsonElement tool, string field, string what)
    {
        if (!Has(tool, "name", JsonValueKind.String) || !FunctionName().IsMatch(tool.GetProperty("name").GetString()!))
        {
            return Invalid(field + ".name", $"A {what}'s name has 1 to {ToolCallFormat.MaxNameLength} letters, digits, underscores and hyphens.");
        }

        return MayBe(tool, "description", JsonValueKind.String) ? null : Invalid(field + ".description", $"A {what}'s description must be a string.");
    }

    private static RequestFailure? Function(JsonElement function, string field)
    {
        if (Named(function, field, "function") is { } failure)
        {
            return failure;
        }

        if (!MayBe(function, "parameters", JsonValueKind.Object))
        {
            return Invalid(field + ".parameters", "A function's parameters must be an object: a JSON Schema.");
        }

        if (!MayBe(function, "strict", JsonValueKind.True, JsonValueKind.False))
        {
            return Invalid(field + ".strict", "strict must be true or false.");
        }

        return function.TryGetProperty("parameters", out var schema) && schema.GetRawText().Length > RequestLimits.ToolSchemaLength
            ? Invalid(field + ".parameters", $"A function's parameters have at most {RequestLimits.ToolSchemaLength} characters.")
            : null;
    }

    private static bool Has(JsonElement element, string name, JsonValueKind kind) => element.TryGetProperty(name, out var value) && value.ValueKind == kind;

    private static bool MayBe(JsonElement element, string name, params ReadOnlySpan<JsonValueKind> kinds) =>
        !element.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null || kinds.Contains(value.ValueKind);

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}\\z", RegexOptions.NonBacktracking)]
    private static partial Regex FunctionName();
}

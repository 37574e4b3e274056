using System.Text.Json;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// Finds out what a chat template makes of tools by rendering a short conversation in which one function is offered and another was called: whether the one is shown,
/// and in which format's words the other stands there. A template is code; nothing but running it says what it writes.
/// </summary>
public static class ToolProbe
{
    private const string Offered = "offered_to_probe";
    private const string Called = "called_by_probe";
    private const string Id = "Probe1234";
    private const string Key = "\"key_of_probe\"";
    private const string Arguments = "{" + Key + ": \"value\"}";

    // An id that some templates take to be the call's name.
    private static readonly string NamedId = ToolCallIds.Named(Called, 0);

    /// <summary>Looks at a template.</summary>
    /// <param name="renderer">The template, or null without one.</param>
    /// <param name="setting">One of <see cref="ToolSupport.Settings"/>.</param>
    public static ToolSupport Look(ConversationRenderer? renderer, string setting)
    {
        if (renderer is null)
        {
            return new ToolSupport { Refusal = "The model has no chat template, so that it cannot be shown tools." };
        }

        var prompt = Render(renderer, call: null);
        var isShown = prompt?.Contains(Offered, StringComparison.Ordinal) == true;
        var inSystem = isShown ? null : Render(renderer, call: null, inSystem: true);
        var isInSystem = inSystem?.Contains(Offered, StringComparison.Ordinal) == true;
        (prompt, isShown) = isInSystem ? (inSystem, true) : (prompt, isShown);
        var (format, style) = Find(renderer);
        format ??= isShown ? Told(renderer, prompt!) : null;
        var wantsDescriptions = isShown && Render(renderer, call: null, describes: false, isInSystem) is null;
        var support = new ToolSupport { WantsDescriptions = wantsDescriptions, InSystemMessage = isInSystem, Format = setting == ToolSupport.Automatic || setting == format?.Name ? format : ToolCallFormat.OfName(setting), Style = style };
        if (!isShown)
        {
            return support with { Format = null, Refusal = "The model is shown no tools by its chat template, so that it cannot call any." };
        }

        return support.Format is null && setting != ToolSupport.Off
            ? support with { Refusal = "The model writes tool calls in a form that is not known here. The server can be told to read another (tool_call_parser), or to leave them in the text (none)." }
            : support;
    }

    // The commonest style first: an object for arguments is what templates are written for; those that put them together with "+" fail on it, or show a dictionary in
    // Python's words. Some do not take a call without its result, some none with it.
    private static (ToolCallFormat? Format, CallStyle Style) Find(ConversationRenderer renderer)
    {
        CallStyle? first = null;
        foreach (var style in new CallStyle[] { new(false, false), new(true, false), new(false, true), new(true, true) })
        {
            foreach (var (id, withResult) in new[] { (Id, true), (Id, false), (NamedId, true) })
            {
                var text = Render(renderer, Call(style, id, withResult));
                if (text is not null && FormatOf(text) is { } format)
                {
                    return (format, style);
                }

                if (text?.Contains(style.ArgumentsAsText ? Arguments : Key, StringComparison.Ordinal) == true)
                {
                    first ??= style;
                }
            }
        }

        return (null, first ?? default);
    }

    // A template that shows no calls may tell the model how to write them, and the model may have tokens for it.
    private static ToolCallFormat? Told(ConversationRenderer renderer, string prompt) =>
        ToolCallFormat.All.FirstOrDefault(format => format.IsTold && prompt.Contains(format.Marker, StringComparison.Ordinal))
        ?? ToolCallFormat.All.FirstOrDefault(format => format.IsTold && renderer.HasMark(format.Marker));

    private static ToolCallFormat? FormatOf(string text)
    {
        var names = new HashSet<string> { Called };
        foreach (var format in ToolCallFormat.All)
        {
            if (format.IsChannels)
            {
                if (CallsInChannels(text))
                {
                    return format;
                }

                continue;
            }

            // A call that nothing announces stands at its message's beginning, with the format's own key.
            var at = format.IsBare ? text.IndexOf(format.First + format.Head(Called)[0], StringComparison.Ordinal) : 0;
            var parser = new ToolCallParser(format, names, 0, () => "");
            if (at >= 0 && (parser.Append(text[at..]).Calls.Count > 0) && parser.Calls == 1)
            {
                return format;
            }
        }

        return null;
    }

    // A message for the function: whom it is for in its header, its arguments behind that.
    private static bool CallsInChannels(string text)
    {
        var header = text.IndexOf(HarmonyText.Recipient + HarmonyText.Function + Called, StringComparison.Ordinal);
        var content = header < 0 ? -1 : text.IndexOf(HarmonyText.Of(HarmonyMark.Message), header, StringComparison.Ordinal);
        return content >= 0 && text.AsSpan(content + HarmonyText.Of(HarmonyMark.Message).Length).TrimStart().StartsWith("{" + Key);
    }

    private static string? Render(ConversationRenderer renderer, string? call, bool describes = true, bool inSystem = false)
    {
        var description = describes ? "\"description\":\"d\"," : "";
        var tools = $$"""[{"type":"function","function":{"name":"{{Offered}}",{{description}}"parameters":{"type":"object","properties":{ } } } }]""";
        try
        {
            var messages = Json($$"""[{"role":"user","content":"hello"}{{call}}]""");
            return renderer.Render(inSystem ? SystemTools.In(messages, Json(tools)) : messages, Json(tools), addGenerationPrompt: call is null, arguments: null);
        }
        catch (ChatTemplateException)
        {
            // It refuses this conversation, or does not know such messages.
            return null;
        }
    }

    private static string Call(CallStyle style, string id, bool withResult)
    {
        var function = $$"""{"name":"{{Called}}","arguments":{{(style.ArgumentsAsText ? JsonSerializer.Serialize(Arguments) : Arguments)}} }""";
        var content = style.NullContent ? "null" : "\"\"";
        var result = withResult ? $$""",{"role":"tool","tool_call_id":"{{id}}","name":"{{Called}}","content":"done"}""" : "";
        return $$""",{"role":"assistant","content":{{content}},"tool_calls":[{"id":"{{id}}","type":"function","function":{{function}} }]}{{result}}""";
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}

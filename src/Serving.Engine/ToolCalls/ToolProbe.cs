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
    private const string Key = "\"key_of_probe\"";
    private const string Arguments = "{" + Key + ": \"value\"}";

    /// <summary>Looks at a template.</summary>
    /// <param name="renderer">The template, or null without one.</param>
    /// <param name="setting">One of <see cref="ToolSupport.Settings"/>.</param>
    public static ToolSupport Look(ConversationRenderer? renderer, string setting)
    {
        if (renderer is null)
        {
            return new ToolSupport { Refusal = "The model has no chat template, so that it cannot be shown tools." };
        }

        var isShown = Render(renderer, call: null)?.Contains(Offered, StringComparison.Ordinal) == true;
        var (format, style) = Find(renderer);
        var wantsDescriptions = isShown && Render(renderer, call: null, describes: false) is null;
        var support = new ToolSupport { WantsDescriptions = wantsDescriptions, Format = setting == ToolSupport.Automatic || setting == format?.Name ? format : ToolCallFormat.Named(setting), Style = style };
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
            foreach (var withResult in new[] { true, false })
            {
                var text = Render(renderer, Call(style, withResult));
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
            var at = format.IsBare ? text.IndexOf(format.Head(Called), StringComparison.Ordinal) : 0;
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

    private static string? Render(ConversationRenderer renderer, string? call, bool describes = true)
    {
        var description = describes ? "\"description\":\"d\"," : "";
        var tools = $$"""[{"type":"function","function":{"name":"{{Offered}}",{{description}}"parameters":{"type":"object","properties":{ } } } }]""";
        try
        {
            return renderer.Render(Json($$"""[{"role":"user","content":"hello"}{{call}}]"""), Json(tools), addGenerationPrompt: call is null, arguments: null);
        }
        catch (ChatTemplateException)
        {
            // It refuses this conversation, or does not know such messages.
            return null;
        }
    }

    private static string Call(CallStyle style, bool withResult)
    {
        var function = $$"""{"name":"{{Called}}","arguments":{{(style.ArgumentsAsText ? JsonSerializer.Serialize(Arguments) : Arguments)}} }""";
        var content = style.NullContent ? "null" : "\"\"";
        var result = withResult ? $$""",{"role":"tool","tool_call_id":"Probe1234","name":"{{Called}}","content":"done"}""" : "";
        return $$""",{"role":"assistant","content":{{content}},"tool_calls":[{"id":"Probe1234","type":"function","function":{{function}} }]}{{result}}""";
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}

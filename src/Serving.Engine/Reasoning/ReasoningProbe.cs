using System.Text.Json;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Reasoning;

/// <summary>
/// Finds out how a model marks its thoughts by rendering short conversations with its chat template: what the prompt ends with, what becomes of thoughts in an earlier
/// message, what the variables do that turn thinking on and off. A template is code; nothing but running it says what it writes.
/// </summary>
public static class ReasoningProbe
{
    private const string Thought = "thought of the probe";
    private const string Said = "answer of the probe";

    private const string Called = ",\"tool_calls\":[{\"id\":\"Probe1234\",\"type\":\"function\",\"function\":{\"name\":\"called_by_probe\",\"arguments\":{}}}]";

    private static readonly string[] Switches = ["enable_thinking", "thinking", "reasoning"];

    // What templates call the thoughts of an earlier message, the commonest first.
    private static readonly string[] Fields = ["reasoning_content", "thinking", "reasoning"];

    /// <summary>Looks at a template.</summary>
    /// <param name="renderer">The template, or null without one.</param>
    /// <param name="setting">One of <see cref="ReasoningSupport.Settings"/>.</param>
    public static ReasoningSupport Look(ConversationRenderer? renderer, string setting)
    {
        if (renderer is null)
        {
            return new ReasoningSupport();
        }

        var found = ReasoningFormat.All.FirstOrDefault(format => Shows(renderer, format));
        var field = Fields.FirstOrDefault(name => Keeps(Earlier(renderer, Said, Thought, name)) || Keeps(Earlier(renderer, "", Thought, name, Called))) ?? Fields[0];
        return new ReasoningSupport
        {
            Format = setting == ReasoningSupport.Automatic || setting == found?.Name ? found : ReasoningFormat.Named(setting),
            Thinks = found is not null,
            Switch = Switches.FirstOrDefault(name => Differs(renderer, name, true, false)),
            TakesEffort = Differs(renderer, ReasoningSupport.EffortVariable, "low", "high"),
            Efforts = found?.Efforts,
            Field = field,
            JoinsContent = Earlier(renderer, Said, Thought, field, Called) is null && Earlier(renderer, "", Thought, field, Called) is not null,
        };
    }

    // Marks of the answer too are those of one format only, and stand in what the model is told, or around an earlier answer.
    private static bool Shows(ConversationRenderer renderer, ReasoningFormat format) => format.IsChannels
        ? Earlier(renderer, Said, null)?.Contains(ReasoningFormat.FinalMessage + Said, StringComparison.Ordinal) == true
        : Prompts(renderer).Any(prompt => Holds(prompt, format))
        || (format.MarksEveryAnswer && Earlier(renderer, Said, null)?.Contains(format.OpenAnswer + Said, StringComparison.Ordinal) == true)
        || (format.OpenAnswer.Length == 0
        && (Prompts(renderer).Any(prompt => format.StartBehind(prompt) != ReasoningStart.Either)
            || Holds(Earlier(renderer, Said, Thought), format)
            || Drops(Earlier(renderer, $"{format.Open}\n{Thought}\n{format.Close}\n\n{Said}", null))));

    // Prompts as they are, and with thinking turned on and off.
    private static IEnumerable<string> Prompts(ConversationRenderer renderer)
    {
        yield return Prompt(renderer) ?? "";
        foreach (var name in Switches)
        {
            yield return Prompt(renderer, name, true) ?? "";
            yield return Prompt(renderer, name, false) ?? "";
        }
    }

    private static bool Differs<T>(ConversationRenderer renderer, string name, T first, T second) => Prompt(renderer, name, first) != Prompt(renderer, name, second);

    // Every mark, in order: instructions to the model, or the thoughts of an earlier message.
    private static bool Holds(string? text, ReasoningFormat format)
    {
        var at = 0;
        foreach (var mark in format.Markers)
        {
            at = text?.IndexOf(mark, at, StringComparison.Ordinal) ?? -1;
            if (at < 0)
            {
                return false;
            }
        }

        return true;
    }

    // Thoughts in the content of an earlier message are taken out of it, by a template that knows their marks.
    private static bool Drops(string? text) =>
        text?.Contains(Said, StringComparison.Ordinal) == true && !text.Contains(Thought, StringComparison.Ordinal);

    private static bool Keeps(string? text) => text?.Contains(Thought, StringComparison.Ordinal) == true;

    private static string? Prompt(ConversationRenderer renderer) => Render(renderer, "", addGenerationPrompt: true, null);

    private static string? Prompt<T>(ConversationRenderer renderer, string name, T value) =>
        Render(renderer, "", addGenerationPrompt: true, new Dictionary<string, JsonElement> { [name] = JsonSerializer.SerializeToElement(value) });

    private static string? Earlier(ConversationRenderer renderer, string content, string? thoughts, string field = "reasoning_content", string calls = "")
    {
        var reasoning = thoughts is null ? "" : $",\"{field}\":{JsonSerializer.Serialize(thoughts)}";
        return Render(renderer, $$""",{"role":"assistant","content":{{JsonSerializer.Serialize(content)}}{{reasoning}}{{calls}}}""", addGenerationPrompt: false, null);
    }

    private static string? Render(ConversationRenderer renderer, string answer, bool addGenerationPrompt, IReadOnlyDictionary<string, JsonElement>? arguments)
    {
        using var messages = JsonDocument.Parse($$"""[{"role":"user","content":"hello"}{{answer}}]""");
        try
        {
            // Marks in a message are to be seen as the template's own are.
            return renderer.Render(messages.RootElement, null, addGenerationPrompt, arguments, static text => text);
        }
        catch (ChatTemplateException)
        {
            // It refuses this conversation.
            return null;
        }
    }
}

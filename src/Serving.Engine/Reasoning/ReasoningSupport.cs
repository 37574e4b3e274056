using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Reasoning;

/// <summary>What becomes of a model's thoughts, and what its chat template reads of how much it is to think.</summary>
public sealed record ReasoningSupport
{
    /// <summary>The setting that finds the format by the model's chat template.</summary>
    public const string Automatic = "auto";

    /// <summary>The setting with which thoughts stay in the text.</summary>
    public const string Off = "none";

    /// <summary>The template's variable of OpenAI's name.</summary>
    public const string EffortVariable = "reasoning_effort";

    /// <summary>Thinking as usual.</summary>
    public const string UsualEffort = "medium";

    private const string NoEffort = "none";
    private static readonly string[] Degrees = [NoEffort, "minimal", "low", UsualEffort, "high", "xhigh", "max"];

    /// <summary>How the model marks thoughts; null: they are not looked for.</summary>
    public ReasoningFormat? Format { get; init; }

    /// <summary>Whether the template shows that the model thinks, whatever is made of it.</summary>
    public bool Thinks { get; init; }

    /// <summary>The template's variable that turns thinking on and off; null where there is none.</summary>
    public string? Switch { get; init; }

    /// <summary>Whether the template reads <see cref="EffortVariable"/>.</summary>
    public bool TakesEffort { get; init; }

    /// <summary>The degrees of effort that the model knows; null where only its template knows.</summary>
    public IReadOnlyList<string>? Efforts { get; init; }

    /// <summary>What the template calls the thoughts of an earlier message.</summary>
    public string Field { get; init; } = "reasoning_content";

    /// <summary>Whether the template takes thoughts or content of a message with calls, not both: then content stands behind the thoughts, as one of them.</summary>
    public bool JoinsContent { get; init; }

    /// <summary>The settings there are.</summary>
    public static IReadOnlyList<string> Settings { get; } = [Automatic, .. ReasoningFormat.All.Select(format => format.Name).Distinct(), Off];

    /// <summary>What is wrong with a request's reasoning_effort; null for nothing.</summary>
    /// <param name="effort">The effort.</param>
    /// <param name="arguments">The request's own variables of the template.</param>
    /// <returns>Why it is refused, and whether another model would take it.</returns>
    public (string Message, bool IsNotSupported)? Refusal(string effort, IReadOnlyDictionary<string, JsonElement>? arguments)
    {
        if (!Degrees.Contains(effort))
        {
            return ($"is one of {string.Join(", ", Degrees)}.", false);
        }

        if (Efforts?.Contains(effort) == false)
        {
            return ($"this model takes {string.Join(", ", Efforts)}.", true);
        }

        if (Variable(effort) is { } variable)
        {
            return arguments?.ContainsKey(variable.Name) == true ? ($"not together with {variable.Name} in chat_template_kwargs.", false) : null;
        }

        return effort switch
        {
            NoEffort => Thinks ? ("this model cannot be told not to think.", true) : null,
            _ when !Thinks => ("this model does not think.", true),
            UsualEffort => null,
            _ => ($"this model knows no degrees of effort; {UsualEffort}{(Switch is null ? "" : " and " + NoEffort)} can be asked for.", true),
        };
    }

    /// <summary>A request's variables of the template, with what its effort comes to.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Arguments(string? effort, IReadOnlyDictionary<string, JsonElement>? arguments)
    {
        if (effort is null || Variable(effort) is not { } variable)
        {
            return arguments;
        }

        return new Dictionary<string, JsonElement>(arguments ?? new Dictionary<string, JsonElement>()) { [variable.Name] = variable.Value };
    }

    /// <summary>What becomes of tools: calls that stand in channels are read with the thoughts, or not at all.</summary>
    public ToolSupport Beside(ToolSupport tools)
    {
        ArgumentNullException.ThrowIfNull(tools);
        return tools.Format is null || tools.Format.IsChannels == (Format?.IsChannels == true) ? tools : tools with
        {
            Format = null,
            Refusal = $"Calls and thoughts of this model stand in channels, which are read together: with tool_call_parser {ToolCallFormat.Harmony.Name} and reasoning_parser {ReasoningFormat.Harmony.Name}.",
        };
    }

    // Thinking as usual and not at all can be said with a switch; degrees only to a template that reads them.
    private (string Name, JsonElement Value)? Variable(string effort) => effort switch
    {
        NoEffort when Switch is not null => (Switch, JsonSerializer.SerializeToElement(false)),
        _ when TakesEffort => (EffortVariable, JsonSerializer.SerializeToElement(effort)),
        UsualEffort when Switch is not null => (Switch, JsonSerializer.SerializeToElement(true)),
        _ => null,
    };
}

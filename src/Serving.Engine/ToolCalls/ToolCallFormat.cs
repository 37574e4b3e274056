using System.Globalization;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// How a model writes calls of functions: names and arguments, mostly as a JSON object, between texts of its own. Names are vLLM's where it has one. The texts <see cref="First"/> to
/// <see cref="Last"/> are what a model writes when nothing else is in the answer: First, calls (each within Before and After) with Between between them, Last. The
/// parser takes white space anywhere around calls.
/// </summary>
public sealed partial record ToolCallFormat
{
    /// <summary>Characters of a function's name: OpenAI's number.</summary>
    public const int MaxNameLength = 64;

    /// <summary>vLLM's name of its parser.</summary>
    public required string Name { get; init; }

    /// <summary>The text that announces a call, or a list of them; its first character does not come again in it.</summary>
    public required string Marker { get; init; }

    /// <summary>The text that may stand behind each call; like <see cref="Marker"/>. None where it is empty.</summary>
    public string EndMarker { get; init; } = "";

    /// <summary>Whether an answer may begin with a call that nothing announces.</summary>
    public bool IsBare { get; init; }

    /// <summary>Whether several calls may stand behind the marker: in brackets where there is a <see cref="Separator"/>, one after the other up to <see cref="EndMarker"/> where there is none.</summary>
    public bool IsList { get; init; }

    /// <summary>How a call is written that is a name, arguments and marks, and not an object; null where it is none.</summary>
    public NamedStyle? Named { get; init; }

    /// <summary>Whether a call is such a one.</summary>
    public bool IsNamed => Named is not null;

    /// <summary>Whether a call is an object whose one key is the name.</summary>
    public bool IsKeyed { get; init; }

    /// <summary>Whether a call is a message in a channel, which is told from others with the thoughts.</summary>
    public bool IsChannels { get; init; }

    /// <summary>How parameters are written one by one; null where arguments are a JSON object.</summary>
    public ParameterStyle? Parameters { get; init; }

    /// <summary>How a call is written as an expression; null where it is none.</summary>
    public LiteralStyle? Literal { get; init; }

    /// <summary>The character between two calls behind one marker; none where each has a marker.</summary>
    public char? Separator { get; init; }

    /// <summary>Whether a call's object begins with its number.</summary>
    public bool IsNumbered { get; init; }

    /// <summary>The key of the name.</summary>
    public string NameKey { get; init; } = "name";

    /// <summary>The key of the arguments as the model writes it; the parser takes "arguments" and "parameters".</summary>
    public string ArgumentsKey { get; init; } = "arguments";

    /// <summary>Stands before the first call.</summary>
    public string First { get; init; } = "";

    /// <summary>Stands before each call.</summary>
    public string Before { get; init; } = "";

    /// <summary>Stands behind each call.</summary>
    public string After { get; init; } = "";

    /// <summary>Stands behind a call's arguments, before <see cref="After"/>.</summary>
    public string Close { get; init; } = "}";

    /// <summary>Stands between two calls.</summary>
    public string Between { get; init; } = "";

    /// <summary>Stands behind the last call.</summary>
    public string Last { get; init; } = "";

    /// <summary>Whether the model's templates take ids of nine letters and digits only.</summary>
    public bool HasShortIds { get; init; }

    /// <summary>Whether the model's templates and answers have ids of the form <c>functions.name:0</c>, which are passed on.</summary>
    public bool HasNamedIds => Named?.IsId == true;

    /// <summary>
    /// Whether models write this format whose templates show no call, and are known by its marker alone: by what the template tells them of it, or as a token of theirs.
    /// </summary>
    public bool IsTold { get; init; }

    /// <summary>Whether a list of calls stands in brackets.</summary>
    public bool IsBracketed => IsList && Separator is not null;

    /// <summary>Whether a call is a JSON object.</summary>
    public bool IsObject => !IsChannels && Named is null && Parameters is null && Literal is null;

    /// <summary>Stands before each call of a list without brackets; empty where the marker alone does.</summary>
    public string CallOpen => Parameters?.NameOpen ?? Named?.Open ?? "";

    /// <summary>What an answer begins with whose calls nothing announces.</summary>
    public char BareOpen => IsBracketed ? '[' : '{';

    /// <summary>Texts that may be special tokens, whose text an answer must be read with.</summary>
    public IEnumerable<string> Markers => IsChannels ? HarmonyText.Marks :
        [Marker, .. EndMarker.Length > 0 ? [EndMarker] : Array.Empty<string>(), .. Named?.AllMarkers ?? [], .. Parameters?.Markers ?? [], .. Literal is { TextMark: { Length: > 0 } mark } ? [mark] : Array.Empty<string>()];

    /// <summary>The format of a name, the first of two; null when there is none.</summary>
    public static ToolCallFormat? OfName(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>What stands before a call's arguments, behind <see cref="Before"/>; <see cref="Close"/> stands behind them.</summary>
    /// <returns>One text, or two, between which the call's number stands.</returns>
    public IReadOnlyList<string> Head(string name) =>
        Named is { } named ? named.IsId ? [$"{named.Open}{NamedCallReader.IdPrefix}{name}:", named.BeforeArguments] : [named.Open + name + named.BeforeArguments]
        : IsChannels ? [$"{Marker}{name} <|constrain|>json<|message|>"]
        : Parameters is { } style ? [style.NameOpen + name + style.NameClose]
        : Literal is { } literal ? [literal.Prefix + name + literal.Open]
        : IsKeyed ? [$$"""{"{{name}}": """]
        : IsNumbered ? ["{\"tool_call_id\": \"", $"\", \"{NameKey}\": \"{name}\", \"{ArgumentsKey}\": "]
        : [$$"""{"{{NameKey}}": "{{name}}", "{{ArgumentsKey}}": """];

    /// <summary>An answer of nothing but calls, as the model writes it.</summary>
    /// <param name="calls">Names and arguments, the latter JSON objects.</param>
    public string Write(params IReadOnlyList<(string Name, string Arguments)> calls) =>
        First + string.Join(Between, calls.Select((call, number) => Before + string.Join(number.ToString(CultureInfo.InvariantCulture), Head(call.Name)) + call.Arguments + Close + After)) + Last;
}

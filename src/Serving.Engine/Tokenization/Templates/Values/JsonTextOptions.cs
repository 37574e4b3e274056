namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>The arguments of Python's <c>json.dumps</c> that chat templates use.</summary>
/// <param name="Indent">Written once per level at the start of a line, or null for one line.</param>
/// <param name="ItemSeparator">Between items.</param>
/// <param name="KeySeparator">Between a key and its value.</param>
/// <param name="EnsureAscii">Whether every other character is escaped.</param>
/// <param name="SortKeys">Whether an object's keys are sorted.</param>
internal sealed record JsonTextOptions(string? Indent, string ItemSeparator, string KeySeparator, bool EnsureAscii, bool SortKeys)
{
    /// <summary>What <c>tojson</c> without arguments writes.</summary>
    public static JsonTextOptions Default { get; } = new(null, ", ", ": ", false, false);
}

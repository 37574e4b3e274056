namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>
/// An error inside the interpreter that does not know its place yet; <see cref="ChatTemplate"/> adds the position and
/// turns it into the public exception. Nothing else leaves the interpreter.
/// </summary>
internal sealed class TemplateFault : Exception
{
    public TemplateFault(string reason, bool isRaisedByTemplate = false)
        : base(reason)
    {
        IsRaisedByTemplate = isRaisedByTemplate;
    }

    /// <summary>True when the template called <c>raise_exception</c>.</summary>
    public bool IsRaisedByTemplate { get; }

    /// <summary>Offset in the template where a parser stopped, or -1: the renderer knows the place.</summary>
    public int Offset { get; init; } = -1;
}

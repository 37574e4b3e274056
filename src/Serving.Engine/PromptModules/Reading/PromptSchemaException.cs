namespace Serving.Engine.PromptModules.Reading;

/// <summary>Where something stands in a source.</summary>
/// <param name="Line">From 1; 0 when no place is to blame.</param>
/// <param name="Column">From 1, in UTF-16 units.</param>
public readonly record struct SourcePosition(int Line, int Column);

/// <summary>A schema, or a prompt that uses one, that cannot be read. The message quotes names from it, cut short, and says where.</summary>
public sealed class PromptSchemaException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="reason">What is wrong, without the place.</param>
    /// <param name="at">Where.</param>
    public PromptSchemaException(string reason, SourcePosition at)
        : base(at.Line == 0 ? reason : $"line {at.Line}, column {at.Column}: {reason}")
    {
        Reason = reason;
        At = at;
    }

    /// <summary>What is wrong, without the place.</summary>
    public string Reason { get; }

    /// <summary>Where.</summary>
    public SourcePosition At { get; }
}

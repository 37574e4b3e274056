using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>An adapter's files are malformed, do not fit the model, or ask for what is not served. The message contains no path.</summary>
public sealed class AdapterFormatException : MalformedFileException
{
    /// <summary>Creates the exception with the kind of failure and the reason.</summary>
    public AdapterFormatException(AdapterFailure failure, string reason)
        : base(reason)
    {
        Failure = failure;
    }

    /// <summary>Creates the exception with the kind of failure, the reason and its cause.</summary>
    public AdapterFormatException(AdapterFailure failure, string reason, Exception inner)
        : base(reason, inner)
    {
        Failure = failure;
    }

    /// <summary>What kind of failure: corrupt, unsupported or too large.</summary>
    public AdapterFailure Failure { get; }
}

namespace Serving.Core.Requests;

/// <summary>One choice of a request: its list of tokens.</summary>
public sealed class Sequence
{
    /// <summary>Starts a sequence at its request's prompt.</summary>
    public Sequence(Request request, int choice)
    {
        ArgumentNullException.ThrowIfNull(request);
        Request = request;
        Choice = choice;
    }

    /// <summary>The request it belongs to.</summary>
    public Request Request { get; }

    /// <summary>Which of the request's choices it is, from 0.</summary>
    public int Choice { get; }

    /// <summary>State that the engine keeps with a sequence (detokeniser, stop matcher, penalty counts).</summary>
    public object? Tag { get; set; }
}

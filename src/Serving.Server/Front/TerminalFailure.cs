using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>What an event says of its request's failure.</summary>
internal static class TerminalFailure
{
    /// <summary>The failure that an event ends its request with, or null.</summary>
    public static RequestFailure? Of(GenerationEvent happened) => happened switch
    {
        { Failure: { } failure } => failure,
        { FinishReason: FinishReason.Cancelled } => new RequestFailure(RequestError.Cancelled, "The request was cancelled."),
        { FinishReason: FinishReason.Failed } => new RequestFailure(RequestError.EngineFailed, "The request failed."),
        _ => null,
    };
}

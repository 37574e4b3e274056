using Serving.Core.Requests;

namespace Serving.Engine.Requests;

/// <summary>Why a request was refused or ended early, as its sender is told.</summary>
/// <param name="Error">Which of the expected failures.</param>
/// <param name="Message">For a person; holds no path, address or other tenant's name.</param>
/// <param name="Parameter">The field that is wrong, if one is.</param>
/// <param name="RetryAfter">When a later try may succeed, for limits and a full queue.</param>
/// <param name="Limit">Which limit of its tenant refused it, if one did.</param>
public sealed record RequestFailure(RequestError Error, string Message, string? Parameter = null, TimeSpan? RetryAfter = null, LimitRefusal? Limit = null);

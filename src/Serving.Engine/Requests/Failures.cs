using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Engine.Requests;

/// <summary>The words for failures that need no more than their kind.</summary>
public static class Failures
{
    /// <summary>After which a full queue, or a limit on what is under way, is worth another try.</summary>
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    /// <summary>A failure's message and, where a later try may succeed, when.</summary>
    public static RequestFailure Of(RequestError error) => error switch
    {
        RequestError.ContextTooLong => new(error, "The request does not fit the page pool: fewer prompt tokens, max_tokens or choices are needed."),
        RequestError.AdapterInvalid => new(error, "The adapter was found but could not be loaded.", "model"),
        RequestError.AdapterUnavailable => new(error, "The adapter cannot be read now.", "model", Retry),
        RequestError.QueueFull => new(error, "The queue is full.", null, Retry),
        RequestError.Draining => new(error, "The server is shutting down.", null, Retry),
        RequestError.NotReady => new(error, "The model is still loading.", null, Retry),
        RequestError.DeadlineExceeded => new(error, "The request's deadline has passed."),
        RequestError.SlowReader => new(error, "The stream was read too slowly."),
        RequestError.ConstraintUnsatisfiable => new(error, "The constraint on the output allows no further token of this model's vocabulary."),
        RequestError.Cancelled => new(error, "The request was cancelled."),
        RequestError.EngineFailed => new(error, "The engine failed; the request can be sent again.", null, Retry),
        RequestError.Internal => new(error, "The request failed for a reason that is not foreseen; the server's log has it."),
        _ => new(error, error.ToString()),
    };

    /// <summary>What a tenant's limit says, with its numbers.</summary>
    public static RequestFailure OfLimit(AdmissionDecision decision)
    {
        var limit = new LimitRefusal(decision.Limit!.Value, decision.Allowed, decision.Requested);
        var numbers = $"limit {limit.Allowed}, requested {limit.Requested}";
        return decision.Verdict switch
        {
            AdmissionVerdict.RateLimit => RateLimit(limit, decision.RetryMicroseconds, numbers),
            AdmissionVerdict.TooLarge => TooLarge(limit),
            _ => new(RequestError.TenantLimit, $"The tenant has as much under way as it may: {Word(limit.Limit)}, {numbers}.", null, Retry, limit),
        };
    }

    /// <summary>The answer to a request that is more than one of its tenant's limits by itself.</summary>
    public static RequestFailure TooLarge(LimitRefusal limit)
    {
        ArgumentNullException.ThrowIfNull(limit);
        var remedy = limit.Limit == TenantLimitKind.RequestsPerMinute ? "fewer prompts are needed" : "fewer prompt tokens, max_tokens, choices or prompts are needed";
        return new(
            RequestError.ExceedsTenantLimit,
            $"The request will never be let in: it asks for {limit.Requested} where the tenant's limit is {limit.Allowed} ({Word(limit.Limit)}); {remedy}.",
            limit.Limit == TenantLimitKind.RequestsPerMinute ? "prompt" : "max_tokens",
            null,
            limit);
    }

    /// <summary>The one answer for a schema that is not there and for one of another tenant.</summary>
    public static RequestFailure SchemaNotFound(string schema) =>
        new(RequestError.SchemaNotFound, $"The prompt schema {Models.MalformedFileException.Quote(schema)} does not exist.", "prompt_schema");

    /// <summary>The one answer for a model that is not there and for one that the caller may not use.</summary>
    public static RequestFailure ModelNotFound(string model) =>
        new(RequestError.ModelNotFound, $"The model `{model}` does not exist.", "model");

    private static RequestFailure RateLimit(LimitRefusal limit, long microseconds, string numbers)
    {
        var wait = TimeSpan.FromMicroseconds(microseconds);
        var milliseconds = Math.Ceiling(wait.TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new(RequestError.RateLimited, $"Rate limit reached: {Word(limit.Limit)}, {numbers}. Please try again in {milliseconds}ms.", null, wait, limit);
    }

    private static string Word(TenantLimitKind limit) => limit switch
    {
        TenantLimitKind.ConcurrentRequests => "concurrent requests",
        TenantLimitKind.TokensInFlight => "tokens in flight",
        TenantLimitKind.RequestsPerMinute => "requests per minute",
        _ => "tokens per minute",
    };
}

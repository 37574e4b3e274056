using Serving.Core.Requests;

namespace Serving.Engine.Requests;

/// <summary>The words for failures that need no more than their kind.</summary>
public static class Failures
{
    /// <summary>Seconds after which a full queue or a reached limit is worth another try.</summary>
    private const int RetrySeconds = 1;

    /// <summary>A failure's message and, where a later try may succeed, when.</summary>
    public static RequestFailure Of(RequestError error) => error switch
    {
        RequestError.ContextTooLong => new(error, "The request does not fit the page pool: fewer prompt tokens, max_tokens or choices are needed."),
        RequestError.AdapterInvalid => new(error, "The adapter was found but could not be loaded.", "model"),
        RequestError.AdapterUnavailable => new(error, "The adapter cannot be read now.", "model", RetrySeconds),
        RequestError.TenantLimit => new(error, "The tenant's limit of concurrent requests or tokens in flight is reached.", null, RetrySeconds),
        RequestError.QueueFull => new(error, "The queue is full.", null, RetrySeconds),
        RequestError.Draining => new(error, "The server is shutting down.", null, RetrySeconds),
        RequestError.NotReady => new(error, "The model is still loading.", null, RetrySeconds),
        RequestError.DeadlineExceeded => new(error, "The request's deadline has passed."),
        RequestError.SlowReader => new(error, "The stream was read too slowly."),
        RequestError.Cancelled => new(error, "The request was cancelled."),
        RequestError.EngineFailed => new(error, "The engine failed; the request can be sent again.", null, RetrySeconds),
        _ => new(error, error.ToString()),
    };

    /// <summary>The one answer for a schema that is not there and for one of another tenant.</summary>
    public static RequestFailure SchemaNotFound(string schema) =>
        new(RequestError.SchemaNotFound, $"The prompt schema {Models.MalformedFileException.Quote(schema)} does not exist.", "prompt_schema");

    /// <summary>The one answer for a model that is not there and for one that the caller may not use.</summary>
    public static RequestFailure ModelNotFound(string model) =>
        new(RequestError.ModelNotFound, $"The model `{model}` does not exist.", "model");
}

namespace Serving.Server.Http;

/// <summary>What every part of an answer repeats.</summary>
/// <param name="Id">The answer's id.</param>
/// <param name="Created">Unix seconds.</param>
/// <param name="Model">The model as the client named it.</param>
internal sealed record AnswerHead(string Id, long Created, string Model)
{
    /// <summary>The head of an answer that begins now.</summary>
    public static AnswerHead Of(HttpContext context, string prefix, string model, TimeProvider time) =>
        new($"{prefix}-{context.TraceIdentifier}", time.GetUtcNow().ToUnixTimeSeconds(), model);
}

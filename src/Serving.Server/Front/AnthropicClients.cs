namespace Serving.Server.Front;

/// <summary>Whether a request is answered as Anthropic's clients expect it: all that lies below their own routes, matched or not, and the models for who says which version of their API it speaks.</summary>
internal static class AnthropicClients
{
    /// <summary>The header by which they find a request's id.</summary>
    public const string RequestIdHeader = "request-id";

    private const string VersionHeader = "anthropic-version";

    /// <summary>Whether it is.</summary>
    public static bool Speak(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/v1/messages")
        || (context.Request.Path.StartsWithSegments("/v1/models") && context.Request.Headers.ContainsKey(VersionHeader));
}

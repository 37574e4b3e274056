namespace Serving.Server.Tenancy;

/// <summary>Metadata of an endpoint that takes a key in Anthropic's header too.</summary>
internal sealed class ApiKeyHeader
{
    /// <summary>The header's name.</summary>
    public const string Name = "x-api-key";
}

using System.Text.Json.Serialization;

namespace Serving.Protocol.Anthropic;

/// <summary>Answer of <c>GET /v1/models</c> to Anthropic's clients: all models on one page.</summary>
/// <param name="Data">The models.</param>
/// <param name="HasMore">Always false.</param>
/// <param name="FirstId">Id of the first one.</param>
/// <param name="LastId">Id of the last one.</param>
public sealed record ModelPage(
    IReadOnlyList<ModelInfo> Data,
    bool HasMore,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FirstId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? LastId);

/// <summary>A model.</summary>
/// <param name="Id">Its name.</param>
/// <param name="DisplayName">Its name again.</param>
/// <param name="CreatedAt">When it was made known, RFC 3339.</param>
/// <param name="MaxInputTokens">Longest context.</param>
public sealed record ModelInfo(string Id, string DisplayName, string CreatedAt, int MaxInputTokens)
{
    /// <summary>Always "model".</summary>
    public string Type { get; } = "model";
}

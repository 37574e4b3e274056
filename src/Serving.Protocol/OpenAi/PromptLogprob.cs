using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>How likely a token was at a place of the prompt, as vLLM writes it.</summary>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Rank">Its place among the likeliest, from 1; null of a token of the prompt that is not among those that are reported.</param>
/// <param name="DecodedToken">Its text.</param>
public sealed record PromptLogprob(float Logprob, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? Rank, string DecodedToken);

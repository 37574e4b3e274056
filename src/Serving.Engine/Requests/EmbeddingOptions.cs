namespace Serving.Engine.Requests;

/// <summary>What an embedding is to be like: the hidden state of the prompt's last token behind the model's last norm ("last-token pooling").</summary>
/// <param name="Dimensions">
/// How many of the leading elements are given; null for all. Good for models that were trained so that these are an embedding of their own (Matryoshka representation learning, arXiv 2205.13147).
/// </param>
/// <param name="Normalize">Whether it is scaled to length 1, after it was cut.</param>
public sealed record EmbeddingOptions(int? Dimensions = null, bool Normalize = true);

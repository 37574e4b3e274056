using Serving.Engine.Requests;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Texts that are compared in pairs: one with all others, or each with the one in its place.</summary>
/// <param name="First">One, or as many as there are others.</param>
/// <param name="FirstField">What the request calls them.</param>
/// <param name="Second">The others.</param>
/// <param name="SecondField">What the request calls those.</param>
internal sealed record ComparedTexts(IReadOnlyList<string> First, string FirstField, IReadOnlyList<string> Second, string SecondField)
{
    /// <summary>What is embedded: the first, then the others.</summary>
    public IReadOnlyList<GenerationPrompt> Inputs => [.. First.Concat(Second).Select(text => new TextPrompt(text))];

    /// <summary>What the request calls an input.</summary>
    public string FieldOf(int input) => input < First.Count ? FirstField : SecondField;

    /// <summary>How alike the texts of each pair are.</summary>
    /// <param name="embeddings">The embeddings of <see cref="Inputs"/>.</param>
    public IEnumerable<float> Scores(IReadOnlyList<IReadOnlyList<float>> embeddings) =>
        Enumerable.Range(0, Second.Count).Select(i => CosineSimilarity.Of(embeddings[First.Count == 1 ? 0 : i], embeddings[First.Count + i]));
}

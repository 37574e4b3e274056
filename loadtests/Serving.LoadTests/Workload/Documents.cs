using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Workload;

/// <summary>Documents that many prompts hold: the modules of a prompt schema, or the same text written out.</summary>
/// <param name="shape">How many and how long.</param>
/// <param name="seed">Of what requests have in common.</param>
internal sealed class Documents(ModulePrompt shape, long seed)
{
    private readonly string[] _texts = [.. Enumerable.Range(0, shape.Count).Select(i => $"Document: {NameOf(i)}\n{Words.Draw(shape.Words, new SeededRandom(seed, i))}.\n\n")];

    /// <summary>The name of the schema: it is one for each shape and seed.</summary>
    public string Schema { get; } = FormattableString.Invariant($"load-{shape.Count}x{shape.Words}-{seed}");

    /// <summary>What stands before the first.</summary>
    public static string Opening => "Use the following documents.\n\n";

    /// <summary>All of them.</summary>
    public IReadOnlyList<string> Texts => _texts;

    /// <summary>A module's name.</summary>
    public static string NameOf(int document) => $"document{document}";
}

using System.Collections.Concurrent;
using Serving.Compute.Adapters;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Reference;

/// <summary>
/// What <see cref="ReferenceModel"/> gives for a case that every backend is held to: it does not depend on the backend, and takes longer than most of them, so that it is computed once.
/// </summary>
internal static class SharedReference
{
    private static readonly ConcurrentDictionary<(TestShape Shape, bool Round, string Case), Lazy<Result>> Results = new();

    /// <summary>The logits of every position of a sequence.</summary>
    /// <param name="test">The program, made by the case of its shape alone.</param>
    /// <param name="adapter">An adapter, or null.</param>
    /// <param name="round">Round to bf16 where the design's table says so.</param>
    /// <param name="tokens">The sequence.</param>
    /// <param name="positions">Their positions; null for 0, 1, 2, …</param>
    /// <param name="name">The case: whatever program, adapter, tokens and positions depend on besides the shape.</param>
    public static Result Of(TestProgram test, AdapterWeights? adapter, bool round, int[] tokens, string name, int[]? positions = null) =>
        Results.GetOrAdd((test.Shape, round, name), _ => new Lazy<Result>(() =>
        {
            var model = new ReferenceModel(test, adapter, round);
            var logits = model.Run(tokens, positions ?? [.. Enumerable.Range(0, tokens.Length)]);
            return new Result(logits, model.ClosestChoice);
        })).Value;

    /// <summary>What a pass gave.</summary>
    /// <param name="Logits">By position.</param>
    /// <param name="ClosestChoice">See <see cref="ReferenceRank.ClosestChoice"/>.</param>
    internal sealed record Result(double[][] Logits, double ClosestChoice);
}

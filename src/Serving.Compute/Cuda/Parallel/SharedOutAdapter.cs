using Serving.Compute.Adapters;

namespace Serving.Compute.Cuda.Parallel;

/// <summary>A prepared adapter of several ranks: each has its part in the pinned memory of its own device.</summary>
/// <param name="parts">By rank.</param>
internal sealed class SharedOutAdapter(IReadOnlyList<IPreparedAdapter> parts) : IPreparedAdapter
{
    /// <summary>Pages of the largest part: a page is one page on every rank.</summary>
    public int PageCount { get; } = parts.Max(part => part.PageCount);

    /// <summary>The parts of so many ranks.</summary>
    /// <exception cref="ArgumentException">Another kind of backend prepared it.</exception>
    public static IReadOnlyList<IPreparedAdapter> PartsOf(IPreparedAdapter adapter, int ranks) =>
        adapter is SharedOutAdapter shared && shared.Parts.Count == ranks ? shared.Parts : throw new ArgumentException("The adapter was prepared by another backend.", nameof(adapter));

    private IReadOnlyList<IPreparedAdapter> Parts => parts;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in parts)
        {
            part.Dispose();
        }
    }
}

using Xunit.Sdk;
using Xunit.v3;

namespace Serving.Testing;

/// <summary>
/// Collections of several classes begin before those of one: what is in them runs one after the other, and begun at any time, as collections are otherwise, it may be what a whole run waits for.
/// </summary>
public sealed class SharedCollectionsFirst : ITestCollectionOrderer
{
    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection => [.. testCollections.OrderBy(collection => collection.TestCollectionClassName is null)];
}

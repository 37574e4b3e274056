using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>A store's answers where the disk answers.</summary>
internal static class StoreCalls
{
    public static async Task<AdapterHandle?> FindAsync(this AdapterStore store, string tenant, string name) => Known(await store.ResolveAsync(tenant, name, TestContext.Current.CancellationToken));

    public static async Task<IReadOnlyList<AdapterHandle>> HandlesAsync(this AdapterStore store, string tenant) => Known(await store.ListAsync(tenant, TestContext.Current.CancellationToken));

    public static async Task<IReadOnlyList<AdapterHandle>> AllAsync(this AdapterStore store) => Known(await store.ListAllAsync(TestContext.Current.CancellationToken));

    public static async Task<bool> AddAsync(this AdapterStore store, AdapterHandle handle, string? path = null) =>
        Known(await store.RegisterAsync(handle.Owner ?? "", handle, path, TestContext.Current.CancellationToken)) is not null;

    public static async Task<bool> HideAsync(this AdapterStore store, AdapterHandle handle) => Known(await store.UnregisterAsync(handle.Owner ?? "", handle, TestContext.Current.CancellationToken)) is not null;

    private static AdapterHandle? Known(FoundAdapter found)
    {
        Assert.Null(found.Failure);
        return found.Handle;
    }

    private static IReadOnlyList<AdapterHandle> Known(ListedAdapters listed)
    {
        Assert.Null(listed.Failure);
        return listed.Handles;
    }
}

namespace Serving.Engine.Loading.Adapters;

/// <summary>What computes for long, on a thread that ends with it: the pool's threads serve everybody, and are few where cores are few.</summary>
internal static class OwnThread
{
    /// <summary>Does work on a thread of its own; how many there are is the caller's business.</summary>
    public static Task<T> RunAsync<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
}

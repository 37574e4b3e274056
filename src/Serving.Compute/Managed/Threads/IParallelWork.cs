namespace Serving.Compute.Managed.Threads;

/// <summary>Work in independent items, each writing memory that no other item touches, so that any worker may run any item in any order.</summary>
internal interface IParallelWork
{
    /// <summary>Runs one item.</summary>
    /// <param name="item">Index of the item.</param>
    /// <param name="worker">The worker that runs it, which owns the scratch of that index meanwhile.</param>
    void Execute(int item, int worker);
}

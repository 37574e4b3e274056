namespace Serving.Compute.Backends;

/// <summary>The pool a backend takes once, at start.</summary>
/// <param name="PageCount">Pages in the arena.</param>
/// <param name="PageBytes">Bytes of one page (<c>ModelShape.PageBytes</c>).</param>
/// <param name="AdapterSlots">How many adapters can be resident at once.</param>
/// <param name="HostPageCount">Pages of host memory behind the arena, for copies of pages whose content is worth keeping; 0 is none.</param>
/// <param name="AdapterHostBytes">
/// Bytes of host memory for prepared adapters, where a backend takes it at start: on a GPU, where it is pinned, shared out over all devices. Others leave them to the collector.
/// </param>
public sealed record PoolShape(int PageCount, long PageBytes, int AdapterSlots, int HostPageCount = 0, long AdapterHostBytes = 0);

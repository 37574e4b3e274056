namespace Serving.Compute.Backends;

/// <summary>The pool a backend takes once, at start.</summary>
/// <param name="PageCount">Pages in the arena.</param>
/// <param name="PageBytes">Bytes of one page (<c>ModelShape.PageBytes</c>).</param>
/// <param name="AdapterSlots">How many adapters can be resident at once.</param>
/// <param name="HostPageCount">Pages of host memory behind the arena, for copies of pages whose content is worth keeping; 0 is none.</param>
public sealed record PoolShape(int PageCount, long PageBytes, int AdapterSlots, int HostPageCount = 0);

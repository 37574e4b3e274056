using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>An order to copy a module's pages to host memory or back; answer with its number. Its pages of both sides stay as they are until then.</summary>
/// <param name="Number">Its number, for the answer.</param>
/// <param name="ToHost">To host memory, or from it.</param>
/// <param name="Pages">Pages of the pool.</param>
/// <param name="HostPages">As many pages of host memory, counted from 0.</param>
public sealed record ModuleTransfer(long Number, bool ToHost, IReadOnlyList<PageId> Pages, IReadOnlyList<int> HostPages);

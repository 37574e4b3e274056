using Serving.Core.Memory;

namespace Serving.Core.Adapters;

/// <summary>The adapter of a request, as the core knows it: an identity and what it costs.</summary>
/// <param name="Digest">Identity of its content.</param>
/// <param name="PageCount">Pages it takes when resident.</param>
/// <param name="SizeBytes">Bytes to reload when it was evicted: its cost in the eviction economy.</param>
public sealed record AdapterRef(Digest Digest, int PageCount, long SizeBytes);

/// <summary>An order to load an adapter: the pages are leased and the slot is taken; answer with ready or failed.</summary>
/// <param name="Digest">Which adapter.</param>
/// <param name="Slot">The slot it is bound to from now on.</param>
/// <param name="Pages">The pages its cells go to.</param>
public sealed record AdapterLoad(Digest Digest, int Slot, IReadOnlyList<PageId> Pages);

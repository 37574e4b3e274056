namespace Serving.Engine.Loading.Adapters;

/// <summary>What ends a look at an adapter early.</summary>
/// <param name="Tenant">Whose turns it takes.</param>
/// <param name="Late">Its time is over: calls to the disk that have not returned hang.</param>
/// <param name="GivenUp">That, or nobody waits for it any more: no work is begun then, and preparing ends. Calls to the disk, which are not to blame, are waited for.</param>
internal readonly record struct LookEnd(Core.Tenancy.TenantId Tenant, CancellationToken Late, CancellationToken GivenUp);

using Serving.Core.Tenancy;

namespace Serving.Server.Tenancy;

/// <summary>Who sends a request: set once the key is known, read by every endpoint that is not open.</summary>
/// <param name="Tenant">Whose request it is.</param>
/// <param name="IsAdmin">Whether it may do what concerns all tenants.</param>
internal sealed record ApiCaller(Tenant Tenant, bool IsAdmin)
{
    /// <summary>The caller of a request that has passed authentication.</summary>
    public static ApiCaller Of(HttpContext context) =>
        context.Features.Get<ApiCaller>() ?? throw new InvalidOperationException("The endpoint is open but asks who calls.");
}

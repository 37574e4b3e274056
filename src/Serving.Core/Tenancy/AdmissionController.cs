namespace Serving.Core.Tenancy;

/// <summary>What a gate says.</summary>
public enum AdmissionVerdict
{
    /// <summary>Come in.</summary>
    Admitted,

    /// <summary>The daemon's places are taken.</summary>
    QueueFull,

    /// <summary>The tenant's limit is reached.</summary>
    TenantLimit,
}

/// <summary>
/// Counts what is under way and refuses what exceeds a limit, in two gates: places before a request costs anything, tokens once its prompt is encoded.
/// Not thread-safe: the engine locks around it.
/// </summary>
public sealed class AdmissionController
{
    private readonly Dictionary<TenantId, TenantUse> _tenants = [];
    private readonly int _maxRequests;
    private int _requests;

    /// <summary>Creates a controller.</summary>
    /// <param name="maxRequests">Requests accepted and not finished, over all tenants: the queue and what runs.</param>
    public AdmissionController(int maxRequests) => _maxRequests = maxRequests;

    /// <summary>Requests under way.</summary>
    public int Requests => _requests;

    /// <summary>Gate 1: takes a place.</summary>
    /// <returns>Admitted, or why not.</returns>
    public AdmissionVerdict TryEnter(Tenant tenant)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (_requests >= _maxRequests)
        {
            return AdmissionVerdict.QueueFull;
        }

        var usage = _tenants.GetValueOrDefault(tenant.Id);
        if (usage.Requests >= tenant.Limits.ConcurrentRequests)
        {
            return AdmissionVerdict.TenantLimit;
        }

        _tenants[tenant.Id] = usage with { Requests = usage.Requests + 1 };
        _requests++;
        return AdmissionVerdict.Admitted;
    }

    /// <summary>Gate 2: takes the tokens that a request may come to hold.</summary>
    /// <returns>Admitted, or why not; its place is still taken then.</returns>
    public AdmissionVerdict TryReserve(Tenant tenant, long tokens)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        var usage = _tenants[tenant.Id];
        if (tokens > tenant.Limits.TokensInFlight - usage.Tokens)
        {
            return AdmissionVerdict.TenantLimit;
        }

        _tenants[tenant.Id] = usage with { Tokens = usage.Tokens + tokens };
        return AdmissionVerdict.Admitted;
    }

    /// <summary>Gives a place and its tokens back.</summary>
    public void Leave(Tenant tenant, long reservedTokens)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        var usage = _tenants[tenant.Id];
        var left = new TenantUse(usage.Requests - 1, usage.Tokens - reservedTokens);
        if (left.Requests < 0 || left.Tokens < 0)
        {
            throw new InvalidOperationException("More was given back than taken.");
        }

        _requests--;
        if (left.Requests == 0)
        {
            _tenants.Remove(tenant.Id);
        }
        else
        {
            _tenants[tenant.Id] = left;
        }
    }

    private readonly record struct TenantUse(int Requests, long Tokens);
}

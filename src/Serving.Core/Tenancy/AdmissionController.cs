namespace Serving.Core.Tenancy;

/// <summary>
/// Counts what is under way and what was asked for per minute, and refuses what exceeds a limit, in two gates: places before a request costs anything, tokens once its
/// prompt is encoded. What a limit refuses is charged nothing. Not thread-safe: the engine locks around it. Times are microseconds of one monotonic clock.
/// </summary>
public sealed class AdmissionController
{
    /// <summary>Tenants remembered before those with nothing to remember are looked for.</summary>
    private const int FirstSweep = 64;

    private readonly Dictionary<TenantId, TenantAccount> _tenants = [];
    private readonly int _maxRequests;
    private int _requests;
    private int _sweepAt = FirstSweep;

    /// <summary>Creates a controller.</summary>
    /// <param name="maxRequests">Requests accepted and not finished, over all tenants: the queue and what runs.</param>
    public AdmissionController(int maxRequests) => _maxRequests = maxRequests;

    /// <summary>Requests under way.</summary>
    public int Requests => _requests;

    /// <summary>Tenants remembered: at most <see cref="FirstSweep"/> and twice those that had requests under way or buckets that were not full when last looked at.</summary>
    public int Tenants => _tenants.Count;

    /// <summary>Gate 1: takes a place, and one of the tenant's requests per minute.</summary>
    /// <param name="tenant">Whose request it is, with the limits in force.</param>
    /// <param name="now">The time.</param>
    /// <param name="ticket">The place, to be given back by <see cref="Leave"/> or <see cref="Withdraw"/>; null when refused.</param>
    /// <param name="isPart">It is a part of a request that has been counted: it takes a place only.</param>
    public AdmissionDecision TryEnter(Tenant tenant, long now, out AdmissionTicket? ticket, bool isPart = false)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        ticket = null;
        if (_requests >= _maxRequests)
        {
            return new AdmissionDecision(AdmissionVerdict.QueueFull);
        }

        var account = Account(tenant.Id, now);
        var limits = tenant.Limits;
        if (account.Requests >= limits.ConcurrentRequests)
        {
            return new AdmissionDecision(AdmissionVerdict.TenantLimit, TenantLimitKind.ConcurrentRequests, limits.ConcurrentRequests, 1);
        }

        BucketCharge? charge = null;
        if (!isPart && limits.RequestsPerMinute is { } rate)
        {
            account.RequestBucket ??= new TokenBucket(rate, now);
            charge = account.RequestBucket.TryCharge(1, rate, now, out var wait);
            if (charge is null)
            {
                return new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.RequestsPerMinute, rate, 1, wait);
            }
        }

        account.Requests++;
        _requests++;
        ticket = new AdmissionTicket(tenant, charge);
        return new AdmissionDecision(AdmissionVerdict.Admitted);
    }

    /// <summary>Gate 2: takes the tokens that a request may come to hold, of those in flight and of those per minute. Refused, the place is still taken.</summary>
    public AdmissionDecision TryReserve(AdmissionTicket ticket, long tokens, long now)
    {
        var account = AccountOf(ticket);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        var decision = Reserve(ticket, account, tokens, now);
        if (!decision.IsAdmitted && ticket.RequestCharge is { } charge)
        {
            account.RequestBucket!.Settle(charge, 0, now);
            ticket.RequestCharge = null;
        }

        return decision;
    }

    /// <summary>Ends a request: gives its place back, and of its tokens per minute those that were not used.</summary>
    /// <param name="ticket">Its place.</param>
    /// <param name="usedTokens">Tokens of its prompt and its output, cached ones included; 0 for one that never ran.</param>
    /// <param name="now">The time.</param>
    public void Leave(AdmissionTicket ticket, long usedTokens, long now)
    {
        var account = AccountOf(ticket);
        ticket.HasLeft = true;
        if (ticket.RequestCharge is { } request)
        {
            account.RequestBucket!.Settle(request, used: 1, now);
        }

        if (ticket.TokenCharge is { } tokens)
        {
            account.TokenBucket!.Settle(tokens, usedTokens, now);
        }

        _requests--;
        account.Requests--;
        account.Tokens -= ticket.ReservedTokens;
        if (account.IsIdle(now))
        {
            _tenants.Remove(ticket.Tenant.Id);
        }
    }

    /// <summary>Takes a request back that the daemon could not take after all: it is charged nothing.</summary>
    public void Withdraw(AdmissionTicket ticket, long now)
    {
        var account = AccountOf(ticket);
        if (ticket.RequestCharge is { } charge)
        {
            account.RequestBucket!.Settle(charge, 0, now);
            ticket.RequestCharge = null;
        }

        Leave(ticket, 0, now);
    }

    /// <summary>How a tenant's rates stand.</summary>
    public TenantRates RatesOf(Tenant tenant, long now)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        var account = _tenants.GetValueOrDefault(tenant.Id);
        return new TenantRates(StatusOf(account?.RequestBucket, tenant.Limits.RequestsPerMinute, now), StatusOf(account?.TokenBucket, tenant.Limits.TokensPerMinute, now));
    }

    private static RateStatus? StatusOf(TokenBucket? bucket, long? rate, long now) =>
        rate is { } limit ? bucket?.StatusAt(limit, now) ?? new RateStatus(limit, limit, 0) : null;

    private static AdmissionDecision Reserve(AdmissionTicket ticket, TenantAccount account, long tokens, long now)
    {
        var limits = ticket.Tenant.Limits;
        if (tokens > limits.TokensInFlight)
        {
            return new AdmissionDecision(AdmissionVerdict.TooLarge, TenantLimitKind.TokensInFlight, limits.TokensInFlight, tokens);
        }

        if (limits.TokensPerMinute < tokens)
        {
            return new AdmissionDecision(AdmissionVerdict.TooLarge, TenantLimitKind.TokensPerMinute, limits.TokensPerMinute.Value, tokens);
        }

        if (tokens > limits.TokensInFlight - account.Tokens)
        {
            return new AdmissionDecision(AdmissionVerdict.TenantLimit, TenantLimitKind.TokensInFlight, limits.TokensInFlight, tokens);
        }

        if (limits.TokensPerMinute is { } rate)
        {
            account.TokenBucket ??= new TokenBucket(rate, now);
            ticket.TokenCharge = account.TokenBucket.TryCharge(tokens, rate, now, out var wait);
            if (ticket.TokenCharge is null)
            {
                return new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.TokensPerMinute, rate, tokens, wait);
            }
        }

        ticket.ReservedTokens = tokens;
        account.Tokens += tokens;
        return new AdmissionDecision(AdmissionVerdict.Admitted);
    }

    private TenantAccount AccountOf(AdmissionTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        return !ticket.HasLeft ? _tenants[ticket.Tenant.Id] : throw new InvalidOperationException("A place is given back once.");
    }

    // Each look costs as much as the tenants that came since the last one: nothing, shared out over them.
    private TenantAccount Account(TenantId id, long now)
    {
        if (_tenants.TryGetValue(id, out var account))
        {
            return account;
        }

        if (_tenants.Count >= _sweepAt)
        {
            foreach (var idle in _tenants.Where(tenant => tenant.Value.IsIdle(now)).Select(tenant => tenant.Key).ToList())
            {
                _tenants.Remove(idle);
            }

            _sweepAt = Math.Max(FirstSweep, 2 * _tenants.Count);
        }

        return _tenants[id] = new TenantAccount();
    }
}

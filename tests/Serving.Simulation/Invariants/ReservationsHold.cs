using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// What is reserved is what lives requests may come to hold, never less than nothing; each is settled once, with what it was given; a refusal says when to come again;
/// while its rates stay as they are a tenant is let in, in every stretch of time, for no more than rate × time and one minute's worth.
/// </summary>
internal sealed class ReservationsHold(int tenants) : Invariant("17 reservations and rates")
{
    private readonly List<Let>[] _let = [.. Enumerable.Range(0, tenants).Select(static _ => new List<Let>())];
    private readonly TenantLimits?[] _limits = new TenantLimits?[tenants];

    /// <inheritdoc/>
    public override void OnAdmission(World world, SimRequest request, AdmissionDecision decision)
    {
        var tenant = world.Gate.InForce(world, request.Request.Tenant);
        var index = world.Workload.Tenants.IndexOf(request.Request.Tenant);
        if (_limits[index] != tenant.Limits)
        {
            _limits[index] = tenant.Limits;
            _let[index].Clear();
        }

        if (decision.IsAdmitted)
        {
            _let[index].Add(new Let(Gate.Now(world), request));
            return;
        }

        var tooLarge = request.Request.ReservedTokens > tenant.Limits.TokensPerMinute && !IsOutOfRequests(decision);
        if (decision.Verdict != (tooLarge ? AdmissionVerdict.TooLarge : AdmissionVerdict.RateLimit) || (!tooLarge && decision.RetryMicroseconds is <= 0 or > TokenBucket.Minute))
        {
            throw Violated($"{request.Request.Id.Value} is told {decision}");
        }

        var rates = world.Gate.Controller.RatesOf(tenant, Gate.Now(world));
        if (!tooLarge && (IsOutOfRequests(decision) ? rates.Requests!.Value.Remaining > 0 : rates.Tokens!.Value.Remaining >= request.Request.ReservedTokens))
        {
            throw Violated($"{request.Request.Id.Value} is told {decision} while there is {rates}");
        }

        world.Marks.Hit(tooLarge ? Mark.ExceedsRate : IsOutOfRequests(decision) ? Mark.OutOfRequests : Mark.OutOfTokens);
    }

    /// <inheritdoc/>
    public override void OnSubmitted(World world, SimRequest request, RequestError? error)
    {
        if (error is not null)
        {
            Array.ForEach(_let, let => let.RemoveAll(one => one.Request == request));
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (world.Gate.Controller.Requests != world.Live.Count)
        {
            throw Violated($"{world.Gate.Controller.Requests} requests hold a place and {world.Live.Count} live");
        }

        if (full)
        {
            CheckReserved(world);
            CheckRates();
        }
    }

    /// <inheritdoc/>
    public override void AtRest(World world)
    {
        CheckRates();
        foreach (var tenant in world.Workload.Tenants)
        {
            var inForce = world.Gate.InForce(world, tenant);
            var rates = world.Gate.Controller.RatesOf(inForce, Gate.Now(world) + TokenBucket.Minute);
            if (rates.Requests?.Remaining != inForce.Limits.RequestsPerMinute || rates.Tokens?.Remaining != inForce.Limits.TokensPerMinute)
            {
                throw Violated($"a minute after the last request there is {rates}");
            }
        }
    }

    private static bool IsOutOfRequests(AdmissionDecision decision) => decision.Limit == TenantLimitKind.RequestsPerMinute;

    private void CheckReserved(World world)
    {
        foreach (var request in world.Live)
        {
            if (!world.Gate.Tickets.TryGetValue(request.Request.Id, out var ticket) || ticket.ReservedTokens != request.Request.ReservedTokens || Gate.UsedBy(request) > ticket.ReservedTokens)
            {
                throw Violated($"{request.Request.Id.Value} reserved {request.Request.ReservedTokens}, used {Gate.UsedBy(request)} and holds {ticket?.ReservedTokens}");
            }
        }
    }

    private void CheckRates()
    {
        for (var index = 0; index < _let.Length; index++)
        {
            Int128 tokens = 0;
            var (let, limits) = (_let[index], _limits[index]);
            for (var first = let.Count - 1; first >= 0; first--)
            {
                tokens += let[first].Request.Open > 0 ? let[first].Request.Request.ReservedTokens : Gate.UsedBy(let[first].Request);
                var time = (Int128)(let[^1].At - let[first].At + TokenBucket.Minute);
                if ((let.Count - first) * (Int128)TokenBucket.Minute > limits!.RequestsPerMinute * time || tokens * TokenBucket.Minute > limits.TokensPerMinute * time)
                {
                    throw Violated($"{let.Count - first} requests and {tokens} tokens were let in within {time - TokenBucket.Minute} µs under {limits}");
                }
            }
        }
    }

    private readonly record struct Let(long At, SimRequest Request);
}

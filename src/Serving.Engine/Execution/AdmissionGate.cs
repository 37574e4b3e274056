using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>The two gates of admission, for callers on any thread: a lock around the core's pure <c>AdmissionController</c>, and the engine's clock.</summary>
public sealed class AdmissionGate
{
    private readonly AdmissionController _controller;
    private readonly EngineClock _clock;
    private readonly Lock _lock = new();

    /// <summary>Creates the gates.</summary>
    public AdmissionGate(AdmissionController controller, EngineClock clock)
    {
        _controller = controller;
        _clock = clock;
    }

    /// <summary>Gate 1: takes a place for a request of a tenant, before anything is spent on it.</summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="isPart">A part of a request that has been counted.</param>
    /// <param name="failure">The reason, when refused.</param>
    /// <returns>The place, or null with the reason.</returns>
    public Admission? Enter(Tenant tenant, bool isPart, out RequestFailure? failure)
    {
        AdmissionTicket? ticket;
        lock (_lock)
        {
            failure = FailureOf(_controller.TryEnter(tenant, _clock.Now, out ticket, isPart));
        }

        return ticket is null ? null : new Admission(this, ticket);
    }

    /// <summary>How a tenant's rates stand.</summary>
    public TenantRates RatesOf(Tenant tenant)
    {
        lock (_lock)
        {
            return _controller.RatesOf(tenant, _clock.Now);
        }
    }

    /// <summary>Gate 2.</summary>
    internal RequestFailure? Reserve(AdmissionTicket ticket, long tokens)
    {
        lock (_lock)
        {
            return FailureOf(_controller.TryReserve(ticket, tokens, _clock.Now));
        }
    }

    /// <summary>Ends a request.</summary>
    internal void Leave(AdmissionTicket ticket, long usedTokens)
    {
        lock (_lock)
        {
            _controller.Leave(ticket, usedTokens, _clock.Now);
        }
    }

    /// <summary>Takes a request back.</summary>
    internal void Withdraw(AdmissionTicket ticket)
    {
        lock (_lock)
        {
            _controller.Withdraw(ticket, _clock.Now);
        }
    }

    private static RequestFailure? FailureOf(AdmissionDecision decision) => decision.Verdict switch
    {
        AdmissionVerdict.Admitted => null,
        AdmissionVerdict.QueueFull => Failures.Of(RequestError.QueueFull),
        _ => Failures.OfLimit(decision),
    };
}

using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>The two gates of admission, for callers on any thread: a lock around the core's pure <c>AdmissionController</c>.</summary>
public sealed class AdmissionGate
{
    private readonly AdmissionController _controller;
    private readonly Lock _lock = new();

    /// <summary>Creates the gates.</summary>
    public AdmissionGate(AdmissionController controller) => _controller = controller;

    /// <summary>Gate 1: takes a place for a request of a tenant, before anything is spent on it.</summary>
    /// <returns>The place, or null with the reason.</returns>
    public Admission? Enter(Tenant tenant, out RequestFailure? failure)
    {
        AdmissionVerdict verdict;
        lock (_lock)
        {
            verdict = _controller.TryEnter(tenant);
        }

        failure = FailureOf(verdict);
        if (failure is not null)
        {
            return null;
        }

        long reserved = 0;
        return new Admission(
            tokens =>
            {
                lock (_lock)
                {
                    var refused = _controller.TryReserve(tenant, tokens);
                    reserved = refused == AdmissionVerdict.Admitted ? tokens : 0;
                    return FailureOf(refused);
                }
            },
            () =>
            {
                lock (_lock)
                {
                    _controller.Leave(tenant, reserved);
                }
            });
    }

    private static RequestFailure? FailureOf(AdmissionVerdict verdict) => verdict switch
    {
        AdmissionVerdict.QueueFull => Failures.Of(RequestError.QueueFull),
        AdmissionVerdict.TenantLimit => Failures.Of(RequestError.TenantLimit),
        _ => null,
    };
}

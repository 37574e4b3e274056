using System.Diagnostics.CodeAnalysis;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>
/// A request's place among those under way, as a value: disposing it gives the place back, unless <see cref="Keep"/> has handed it on to the request itself, which
/// ends it once.
/// </summary>
public sealed class Admission : IDisposable
{
    private readonly AdmissionGate _gate;
    private readonly AdmissionTicket _ticket;
    private bool _isKept;

    /// <summary>A place that the gate gave.</summary>
    internal Admission(AdmissionGate gate, AdmissionTicket ticket)
    {
        _gate = gate;
        _ticket = ticket;
    }

    /// <summary>Gate 2: takes the tokens that the request may come to hold.</summary>
    public bool TryReserve(long tokens, [NotNullWhen(false)] out RequestFailure? failure)
    {
        failure = _gate.Reserve(_ticket, tokens);
        return failure is null;
    }

    /// <summary>Hands the place on to whoever ends it.</summary>
    public void Keep() => _isKept = true;

    /// <summary>Gives the place back, and what was reserved and not used.</summary>
    /// <param name="usedTokens">Tokens of the prompt and of the output; 0 for a request that never ran.</param>
    public void End(long usedTokens) => _gate.Leave(_ticket, usedTokens);

    /// <summary>Gives everything back: the daemon could not take the request.</summary>
    public void Withdraw() => _gate.Withdraw(_ticket);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isKept)
        {
            _isKept = true;
            End(0);
        }
    }
}

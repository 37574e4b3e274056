using Serving.Core.Tenancy;
using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>What a request's answers have to be: a grammar, rules on token ids, or both, with the mask of its choices' first token. Immutable.</summary>
public sealed class RequestConstraint
{
    private readonly TokenMatcher? _start;
    private readonly TokenRules? _rules;
    private readonly uint[] _mask;
    private readonly MaskWorkers _workers;
    private readonly TenantId _tenant;

    private RequestConstraint(TokenMatcher? start, TokenRules? rules, uint[] mask, MaskWorkers workers, TenantId tenant)
    {
        _start = start;
        _rules = rules;
        _mask = mask;
        _workers = workers;
        _tenant = tenant;
    }

    /// <summary>A constraint at its beginning.</summary>
    /// <param name="start">The grammar; null is any text.</param>
    /// <param name="rules">Rules on token ids; null where there are none. One of the two is there.</param>
    /// <param name="workers">Who works masks out that nobody has needed before.</param>
    /// <param name="tenant">Whose turn its choices take with them.</param>
    /// <param name="outcome">Whether an answer can begin.</param>
    /// <returns>Null where it cannot.</returns>
    public static RequestConstraint? Open(TokenMatcher? start, TokenRules? rules, MaskWorkers workers, TenantId tenant, out MaskOutcome outcome)
    {
        var mask = new uint[start?.MaskWords ?? rules!.MaskWords];
        rules?.Fill(mask);
        outcome = start?.Fill(mask) ?? MaskOutcome.Filled;
        if (outcome == MaskOutcome.Filled && rules?.Restrict([], mask) == false)
        {
            outcome = MaskOutcome.DeadEnd;
        }

        return outcome == MaskOutcome.Filled ? new RequestConstraint(start, rules, mask, workers, tenant) : null;
    }

    /// <summary>Begins a choice.</summary>
    public SequenceConstraint Begin() => new(_start, _rules, _mask, _workers, _tenant);
}

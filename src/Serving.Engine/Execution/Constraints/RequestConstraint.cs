using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>A request's constraint, compiled, with the mask of its choices' first token. Immutable.</summary>
public sealed class RequestConstraint
{
    private readonly TokenMatcher _start;
    private readonly uint[] _mask;
    private readonly MaskWorkers _workers;

    /// <summary>A constraint at its beginning.</summary>
    public RequestConstraint(TokenMatcher start, uint[] mask, MaskWorkers workers)
    {
        _start = start;
        _mask = mask;
        _workers = workers;
    }

    /// <summary>Begins a choice.</summary>
    public SequenceConstraint Begin() => new(_start, _mask, _workers);
}

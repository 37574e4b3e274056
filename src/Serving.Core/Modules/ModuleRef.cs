using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>
/// A run of a prompt schema's text whose keys and values are computed once and spliced into every request that imports it. It is computed as an append on top of its
/// <see cref="Context"/> and of nothing else, so its states are the same whatever a request imports beside it (Gim et al., Prompt Cache, 2023; the context is what
/// goes further: siblings are never seen).
/// </summary>
public sealed record ModuleRef
{
    /// <summary>Its identity, see <see cref="ModuleKeys.Of"/>: equal keys mean equal keys and values.</summary>
    public required Digest Key { get; init; }

    /// <summary>Its tokens, at least one.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>The position of each token, ascending; a reserved parameter leaves a gap.</summary>
    public required IReadOnlyList<int> Positions { get; init; }

    /// <summary>The runs it attends to, in their order: what every request that imports it imports before it, and what lies before each of them.</summary>
    public required IReadOnlyList<ModuleRef> Context { get; init; }
}

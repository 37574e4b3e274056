namespace Serving.Simulation.Model;

/// <summary>All that a page holds, as a value.</summary>
internal sealed class PageImage(int[] tokens, int[] positions, ulong[] adapters, ulong[] salts, ulong[] contents) : IEquatable<PageImage>
{
    /// <summary>Tokens by slot.</summary>
    public int[] Tokens { get; } = tokens;

    /// <summary>Positions by slot.</summary>
    public int[] Positions { get; } = positions;

    /// <summary>Adapters by slot.</summary>
    public ulong[] Adapters { get; } = adapters;

    /// <summary>Salts by slot.</summary>
    public ulong[] Salts { get; } = salts;

    /// <summary>Contents by slot.</summary>
    public ulong[] Contents { get; } = contents;

    /// <inheritdoc/>
    public bool Equals(PageImage? other) => other is not null
        && Tokens.AsSpan().SequenceEqual(other.Tokens)
        && Positions.AsSpan().SequenceEqual(other.Positions)
        && Adapters.AsSpan().SequenceEqual(other.Adapters)
        && Salts.AsSpan().SequenceEqual(other.Salts)
        && Contents.AsSpan().SequenceEqual(other.Contents);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PageImage);

    /// <inheritdoc/>
    public override int GetHashCode() => Tokens[0];
}

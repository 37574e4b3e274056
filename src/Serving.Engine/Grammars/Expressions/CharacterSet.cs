namespace Serving.Engine.Grammars.Expressions;

/// <summary>A set of Unicode scalar values: code points without surrogates. Immutable; equal sets are equal.</summary>
public sealed class CharacterSet : IEquatable<CharacterSet>
{
    /// <summary>The highest code point.</summary>
    public const int Highest = 0x10FFFF;

    private const int FirstSurrogate = 0xD800;
    private const int LastSurrogate = 0xDFFF;

    private readonly (int First, int Last)[] _ranges;

    private CharacterSet((int First, int Last)[] ranges) => _ranges = ranges;

    /// <summary>Every character.</summary>
    public static CharacterSet All { get; } = Of((0, Highest));

    /// <summary>No character.</summary>
    public static CharacterSet None { get; } = new([]);

    /// <summary>Its ranges, ascending, neither touching nor overlapping, both ends included.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges => _ranges;

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => _ranges.Length == 0;

    /// <summary>The set of some ranges, both ends included, in any order; surrogates among them are left out.</summary>
    public static CharacterSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        var parts = new List<(int First, int Last)>();
        foreach (var (first, last) in ranges)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(first, nameof(ranges));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(last, Highest, nameof(ranges));
            AddWithoutSurrogates(parts, first, last);
        }

        return new CharacterSet(Joined(parts));
    }

    /// <summary>The set of some characters.</summary>
    public static CharacterSet OfCharacters(params ReadOnlySpan<int> characters)
    {
        var ranges = new (int, int)[characters.Length];
        for (var i = 0; i < characters.Length; i++)
        {
            ranges[i] = (characters[i], characters[i]);
        }

        return Of(ranges);
    }

    /// <summary>Whether it holds a character.</summary>
    public bool Contains(int character)
    {
        foreach (var (first, last) in _ranges)
        {
            if (character <= last)
            {
                return character >= first;
            }
        }

        return false;
    }

    /// <summary>What is in either.</summary>
    public CharacterSet Union(CharacterSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new CharacterSet(Joined([.. _ranges, .. other._ranges]));
    }

    /// <summary>What is not in it.</summary>
    public CharacterSet Complement()
    {
        var parts = new List<(int First, int Last)>();
        var next = 0;
        foreach (var (first, last) in _ranges)
        {
            AddWithoutSurrogates(parts, next, first - 1);
            next = last + 1;
        }

        AddWithoutSurrogates(parts, next, Highest);
        return new CharacterSet(Joined(parts));
    }

    /// <summary>What is in both.</summary>
    public CharacterSet Intersect(CharacterSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Complement().Union(other.Complement()).Complement();
    }

    /// <summary>What is in it and not in the other one.</summary>
    public CharacterSet Except(CharacterSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Intersect(other.Complement());
    }

    /// <inheritdoc/>
    public bool Equals(CharacterSet? other) => other is not null && _ranges.AsSpan().SequenceEqual(other._ranges);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CharacterSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var range in _ranges)
        {
            hash.Add(range);
        }

        return hash.ToHashCode();
    }

    private static void AddWithoutSurrogates(List<(int First, int Last)> parts, int first, int last)
    {
        if (first <= Math.Min(last, FirstSurrogate - 1))
        {
            parts.Add((first, Math.Min(last, FirstSurrogate - 1)));
        }

        if (Math.Max(first, LastSurrogate + 1) <= last)
        {
            parts.Add((Math.Max(first, LastSurrogate + 1), last));
        }
    }

    // Sorted, and joined where they overlap or touch. Across the surrogates nothing touches.
    private static (int First, int Last)[] Joined(List<(int First, int Last)> parts)
    {
        parts.Sort();
        var joined = new List<(int First, int Last)>(parts.Count);
        foreach (var part in parts)
        {
            if (joined.Count > 0 && part.First <= joined[^1].Last + 1)
            {
                joined[^1] = (joined[^1].First, Math.Max(joined[^1].Last, part.Last));
            }
            else
            {
                joined.Add(part);
            }
        }

        return [.. joined];
    }
}

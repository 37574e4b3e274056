namespace Serving.Engine.Grammars.Automata;

/// <summary>Compares arrays of numbers by what they hold.</summary>
internal static class IntSets
{
    /// <summary>The comparer.</summary>
    public static IEqualityComparer<int[]> Comparer { get; } = EqualityComparer<int[]>.Create(
        static (a, b) => a.AsSpan().SequenceEqual(b),
        static set =>
        {
            var hash = default(HashCode);
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(set.AsSpan()));
            return hash.ToHashCode();
        });
}

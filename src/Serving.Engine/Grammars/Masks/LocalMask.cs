using System.Numerics;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// Which tokens may come next as far as one rule can tell: those that stay within it, and those that it can only begin. Immutable; the same for every text that comes to this state,
/// however it is nested.
/// </summary>
/// <param name="Words">The tokens that may be taken, a bit each; null where <paramref name="Tokens"/> has them.</param>
/// <param name="Tokens">The tokens that may be taken, where they are few.</param>
/// <param name="Exits">The set of nodes at which the rule ends, in <see cref="EntrySets"/>, or <see cref="EntrySets.None"/>: whatever is around it goes on from there.</param>
internal sealed record LocalMask(uint[]? Words, int[] Tokens, int Exits)
{
    /// <summary>What takes the place of a mask that would take too long to work out.</summary>
    public static LocalMask TooCostly { get; } = new(null, [], EntrySets.None);

    /// <summary>About how much memory it takes, in bytes, with its place in the table of a grammar's masks.</summary>
    public long Bytes => 144 + ((Words?.Length ?? 0) * 4L) + (Tokens.Length * 4L);

    /// <summary>Adds its tokens to a mask.</summary>
    public void AddTo(Span<uint> mask)
    {
        foreach (var token in Tokens)
        {
            mask[token >> 5] |= 1u << token;
        }

        if (Words is null)
        {
            return;
        }

        var i = 0;
        for (; i + Vector<uint>.Count <= mask.Length; i += Vector<uint>.Count)
        {
            var to = mask[i..];
            (new Vector<uint>(to) | new Vector<uint>(Words, i)).CopyTo(to);
        }

        for (; i < mask.Length; i++)
        {
            mask[i] |= Words[i];
        }
    }
}

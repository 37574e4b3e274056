using Serving.Simulation.Randomness;

namespace Serving.Simulation.Model;

/// <summary>
/// The arithmetic of the fake model: a token follows from all tokens and positions before it, the adapter, the seed, the choice and the output's index; under penalties from how often each token
/// is in the output, too.
/// </summary>
internal static class TokenRule
{
    /// <summary>The state before the first token.</summary>
    public const ulong Start = 0x5851F42D4C957F2D;

    /// <summary>The keys and values of a token: like those of a real model they depend on all that the token attends to.</summary>
    public static ulong Content(ulong state, int token, int position) => Mixing.Fold(state, ((ulong)(uint)position << 32) | (uint)token);

    /// <summary>The state of a row that has read one more slot.</summary>
    public static ulong Read(ulong state, ulong content) => Mixing.Fold(state, content);

    /// <summary>The recurrent state before the first token.</summary>
    public const ulong Blank = 0x2545F4914F6CDD1D;

    /// <summary>The keys and values of a token of a model with a recurrent state, which its layers read too.</summary>
    public static ulong Content(ulong content, ulong recurrent) => Mixing.Fold(content, recurrent);

    /// <summary>The recurrent state behind a token.</summary>
    public static ulong Remember(ulong recurrent, ulong content) => Mixing.Fold(recurrent, content ^ Blank);

    /// <summary>What a row of such a model sees: what it attends to, and what is remembered.</summary>
    public static ulong See(ulong state, ulong recurrent) => Mixing.Fold(state, recurrent);

    /// <summary>What an output token adds to the counts of a sequence's output; theirs is the sum.</summary>
    public static ulong Count(int token) => Mixing.Finish((ulong)token + 1);

    /// <summary>The token sampled from a state; without penalties the counts are 0.</summary>
    public static int Sample(ulong state, ulong adapter, ulong counts, ulong seed, int choice, int outputIndex, int vocabulary)
    {
        var mixed = Mixing.Fold(Mixing.Fold(state, adapter), seed + counts);
        mixed = Mixing.Finish(Mixing.Fold(mixed, ((ulong)(uint)choice << 32) | (uint)outputIndex));
        return (int)(mixed % (ulong)vocabulary);
    }
}

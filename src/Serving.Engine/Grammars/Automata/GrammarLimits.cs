namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// What a constraint may cost, counted and not timed, so that whether it is taken does not depend on the machine. Hostile schemas are small: it is what they expand to
/// that has to be bounded (CVE-2025-48944 and its like).
/// </summary>
internal static class GrammarLimits
{
    /// <summary>States of the automaton before it is made deterministic.</summary>
    public const int NfaStates = 400_000;

    /// <summary>States of the automaton: some 30 bytes each and the edges.</summary>
    public const int States = 50_000;

    /// <summary>Steps of making it deterministic, one for each member of each set of states. Not a time: what is done to the sets beside is not counted, and the costliest patterns take some seconds of one core.</summary>
    public const int Work = 20_000_000;

    /// <summary>Nesting of an expression, without what rules add.</summary>
    public const int Depth = 400;

    /// <summary>Ways in which a text so far can be read at once. The engine thread follows them: so many take it a millisecond for a token of twenty bytes, by arithmetic.</summary>
    public const int Configurations = 512;

    /// <summary>Steps of working out which tokens may come next in one place: some hundred milliseconds of one core. A pass over 150,000 tokens is half a million.</summary>
    public const int MaskWork = 10_000_000;

    /// <summary>Bytes of worked out masks that a grammar keeps; then it forgets them all.</summary>
    public const long MaskBytes = 64 << 20;
}

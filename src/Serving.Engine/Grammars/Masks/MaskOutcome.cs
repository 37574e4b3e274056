namespace Serving.Engine.Grammars.Masks;

/// <summary>What became of a mask.</summary>
public enum MaskOutcome
{
    /// <summary>It is there, with a token at least.</summary>
    Filled,

    /// <summary>Something that it needs has not been worked out yet.</summary>
    Missing,

    /// <summary>No token of the vocabulary goes on from here, and the answer may not end.</summary>
    DeadEnd,

    /// <summary>Working it out would take too long.</summary>
    TooCostly,
}

namespace Serving.Engine.Grammars.Notations;

/// <summary>How large a client's grammar may be, besides what its automaton may cost.</summary>
public static class NotationLimits
{
    /// <summary>Deepest nesting of groups.</summary>
    public const int Depth = 64;

    /// <summary>Parts of expressions that are looked at to rewrite rules that begin with themselves.</summary>
    public const int RewritingWork = 1_000_000;

    /// <summary>Deepest nesting on the way.</summary>
    public const int RewritingDepth = 1_000;
}

namespace Serving.Engine.ToolCalls;

/// <summary>How far a call has come with a character.</summary>
internal enum CallStep
{
    /// <summary>It is no call.</summary>
    Wrong,

    /// <summary>It may be one.</summary>
    Head,

    /// <summary>It is one, and the character belongs to its arguments.</summary>
    Arguments,

    /// <summary>Name and arguments are there, with this character.</summary>
    Complete,

    /// <summary>What its object holds behind them.</summary>
    Tail,

    /// <summary>The end of its object, behind them.</summary>
    End,
}

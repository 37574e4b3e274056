namespace Serving.Engine.Execution.Drafts;

/// <summary>Where a guess of a token comes from: each kind has its own chance of coming true.</summary>
public enum GuessKind
{
    /// <summary>It followed the last two tokens before.</summary>
    AfterTwo,

    /// <summary>It followed the last three.</summary>
    AfterThree,

    /// <summary>It followed the last four to seven.</summary>
    AfterSome,

    /// <summary>It followed eight or more.</summary>
    AfterMany,

    /// <summary>The constraint leaves no other text; the model may cut it into other tokens.</summary>
    OnlyText,

    /// <summary>The constraint leaves no other token.</summary>
    OnlyToken,
}

/// <summary>A guess of a token to come.</summary>
/// <param name="Token">The token.</param>
/// <param name="Kind">Where it comes from.</param>
public readonly record struct Guess(int Token, GuessKind Kind);

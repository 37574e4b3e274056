namespace Serving.Engine.Execution.Drafts;

/// <summary>What knows which guesses cannot come true, and which must.</summary>
public interface IGuessFilter
{
    /// <summary>Follows guesses as far as they can come true; where something else must come, that takes their place.</summary>
    /// <param name="guesses">Room, filled from the start.</param>
    /// <param name="count">The first ones that are guesses.</param>
    /// <returns>How many there are.</returns>
    int Follow(Span<Guess> guesses, int count);
}

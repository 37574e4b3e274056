namespace Serving.Engine.Tokenization;

/// <summary>Special tokens that have their text in an answer.</summary>
/// <param name="Ids">The tokens.</param>
/// <param name="Mark">Stands before the text of each; with it a text that spells such a token out is told from the token. Empty where nothing does.</param>
public sealed record SpokenTokens(IReadOnlySet<int> Ids, string Mark = "")
{
    /// <summary>A mark that no text of a model holds: a noncharacter.</summary>
    public const string Noncharacter = "\uFDD1";
}

using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>A grammar's text and the place up to which it has been read.</summary>
/// <param name="text">The grammar.</param>
/// <param name="field">Where it stands, for the messages.</param>
/// <param name="comments">What begins a comment, which goes to the end of the line.</param>
internal sealed class NotationCursor(string text, string field, params string[] comments) : TextCursor(text)
{
    /// <summary>The client's field.</summary>
    public string Field => @field;

    /// <summary>The place as a reader of the text finds it, both from 1.</summary>
    public (int Line, int Column) Place => (Before.Count('\n') + 1, At - Before.LastIndexOf('\n'));

    /// <summary>Passes white space, line ends and comments.</summary>
    public void SkipSpace()
    {
        while (Next is ' ' or '\t' or '\r' or '\n' || IsAtComment())
        {
            if (Next is ' ' or '\t' or '\r' or '\n')
            {
                Return(At + 1);
            }
            else
            {
                SkipLine();
            }
        }
    }

    /// <summary>Passes characters as long as they are of a kind, and returns them.</summary>
    public string TakeWhile(Func<char, bool> isOne)
    {
        var start = At;
        while (!IsAtEnd && isOne(Next))
        {
            Return(At + 1);
        }

        return Before[start..].ToString();
    }

    /// <inheritdoc/>
    public override GrammarException Malformed(string what) => new($"{field}: the grammar is malformed at {Where()}: {what}.");

    /// <inheritdoc/>
    public override GrammarException NotDone(string what) => new($"{field}: the grammar has {what} at {Where()}, which is not supported.", isNotSupported: true);

    private bool IsAtComment() => Array.Exists(comments, mark => StandsHere(mark));

    private void SkipLine()
    {
        while (!IsAtEnd && Next != '\n')
        {
            Return(At + 1);
        }
    }

    private string Where() => $"line {Place.Line}, column {Place.Column}";
}

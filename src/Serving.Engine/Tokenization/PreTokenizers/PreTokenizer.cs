namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>One stage that cuts (and may rewrite) a text before the model sees it. Immutable; state lives in the sink.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Cuts <paramref name="text"/> and hands the pieces on in order.</summary>
    public abstract void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next);

    /// <summary>A sink that feeds this stage.</summary>
    public PieceSink Before(PieceSink next) => new Stage(this, next);

    private sealed class Stage(PreTokenizer stage, PieceSink next) : PieceSink
    {
        public override void Accept(ReadOnlySpan<char> piece, bool atStart) => stage.Split(piece, atStart, next);
    }
}

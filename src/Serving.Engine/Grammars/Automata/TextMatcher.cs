using System.Text;

namespace Serving.Engine.Grammars.Automata;

/// <summary>Reads a text byte by byte by a grammar. Not thread-safe.</summary>
public sealed class TextMatcher
{
    private readonly ParseSteps _steps;
    private readonly List<Configuration> _waiting = [];
    private readonly List<Configuration> _open = [new(Automaton.Start, ParseStacks.Bottom)];

    /// <summary>Begins a text.</summary>
    public TextMatcher(CompiledGrammar grammar)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        _steps = new ParseSteps(grammar.Automaton, new ParseStacks());
        Close();
    }

    /// <summary>Whether the text so far is one of the grammar's.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether a longer text may be one.</summary>
    public bool CanContinue => _waiting.Count > 0;

    /// <summary>Whether it ended because the text can be read in more ways than are followed, not because it is wrong.</summary>
    public bool IsTooAmbiguous { get; private set; }

    /// <summary>Takes a byte.</summary>
    /// <returns>False when no text of the grammar goes on with it; then nothing more is taken.</returns>
    public bool Take(byte value)
    {
        _steps.Take(_waiting, value, _open);
        Close();
        return IsComplete || CanContinue;
    }

    /// <summary>Whether the grammar has a text.</summary>
    public static bool Accepts(CompiledGrammar grammar, string text) => Accepts(grammar, Encoding.UTF8.GetBytes(text));

    /// <summary>Whether the grammar has a text, given in UTF-8.</summary>
    public static bool Accepts(CompiledGrammar grammar, ReadOnlySpan<byte> text)
    {
        var matcher = new TextMatcher(grammar);
        foreach (var value in text)
        {
            if (!matcher.Take(value))
            {
                return false;
            }
        }

        return matcher.IsComplete;
    }

    private void Close()
    {
        if (!_steps.Close(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_open), _waiting, out var ends))
        {
            _waiting.Clear();
            ends = false;
            IsTooAmbiguous = true;
        }

        IsComplete = ends;
    }
}

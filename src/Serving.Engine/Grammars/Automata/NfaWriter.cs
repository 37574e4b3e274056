using System.Text;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>Writes an expression as an automaton (Thompson 1968): each kind as states between a given first and last one.</summary>
internal sealed class NfaWriter
{
    private readonly Nfa _nfa;
    private readonly WorkBudget _budget;
    private readonly bool _rulesAllowed;
    private int _depth;

    private NfaWriter(WorkBudget budget, bool rulesAllowed)
    {
        _nfa = new Nfa(budget);
        _budget = budget;
        _rulesAllowed = rulesAllowed;
    }

    /// <summary>The deterministic automaton of an expression.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="budget">What it may cost.</param>
    /// <param name="rulesAllowed">Whether it may name rules.</param>
    /// <exception cref="GrammarException">It is too large or nested too deeply.</exception>
    public static Dfa Compile(GrammarExpression expression, WorkBudget budget, bool rulesAllowed)
    {
        var writer = new NfaWriter(budget, rulesAllowed);
        var (start, end) = (writer._nfa.Add(), writer._nfa.Add());
        writer.Write(expression, start, end);
        return SubsetConstruction.Run(writer._nfa, start, end, budget);
    }

    private void Write(GrammarExpression expression, int from, int to)
    {
        if (++_depth > GrammarLimits.Depth)
        {
            throw new GrammarException("The constraint is nested too deeply.");
        }

        switch (expression)
        {
            case LiteralExpression literal:
                WriteText(literal.Text, from, to);
                break;
            case CharacterExpression character:
                WriteCharacter(character.Set, from, to);
                break;
            case SequenceExpression sequence:
                WriteSequence(sequence.Parts, from, to);
                break;
            case ChoiceExpression choice:
                WriteChoice(choice.Options, from, to);
                break;
            case RepeatExpression repeat:
                WriteRepeat(repeat, from, to);
                break;
            case BothExpression both:
                WriteProduct(both.First, both.Second, without: false, from, to);
                break;
            case ExceptExpression except:
                WriteProduct(except.From, except.Without, without: true, from, to);
                break;
            case RuleExpression rule when _rulesAllowed:
                _nfa.Call(from, rule.Rule, to);
                break;
            default:
                throw new InvalidOperationException("A rule stands in an intersection or a difference.");
        }

        _depth--;
    }

    private void WriteText(string text, int from, int to)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                var next = _nfa.Add();
                _nfa.Take(from, value, value, next);
                from = next;
            }
        }

        _nfa.Join(from, to);
    }

    private void WriteCharacter(CharacterSet set, int from, int to)
    {
        foreach (var sequence in Utf8Ranges.Of(set))
        {
            var at = from;
            for (var i = 0; i < sequence.Length; i++)
            {
                var next = i == sequence.Length - 1 ? to : _nfa.Add();
                _nfa.Take(at, sequence[i].First, sequence[i].Last, next);
                at = next;
            }
        }
    }

    private void WriteSequence(IReadOnlyList<GrammarExpression> parts, int from, int to)
    {
        foreach (var part in parts)
        {
            var next = _nfa.Add();
            Write(part, from, next);
            from = next;
        }

        _nfa.Join(from, to);
    }

    // Each between states of its own: an option that repeats comes back to its beginning, not to the others'.
    private void WriteChoice(IReadOnlyList<GrammarExpression> options, int from, int to)
    {
        foreach (var option in options)
        {
            var (start, end) = (_nfa.Add(), _nfa.Add());
            _nfa.Join(from, start);
            Write(option, start, end);
            _nfa.Join(end, to);
        }
    }

    private void WriteRepeat(RepeatExpression repeat, int from, int to)
    {
        var count = repeat.Most ?? repeat.Least;
        for (var i = 0; i < count; i++)
        {
            if (i >= repeat.Least)
            {
                _nfa.Join(from, to);
            }

            var next = _nfa.Add();
            Write(repeat.Inner, from, next);
            from = next;
        }

        if (repeat.Most is null)
        {
            var again = _nfa.Add();
            var end = _nfa.Add();
            _nfa.Join(from, again);
            Write(repeat.Inner, again, end);
            _nfa.Join(end, again);
            from = again;
        }

        _nfa.Join(from, to);
    }

    private void WriteProduct(GrammarExpression first, GrammarExpression second, bool without, int from, int to)
    {
        var product = DfaProduct.Run(Compile(first, _budget, rulesAllowed: false), Compile(second, _budget, rulesAllowed: false), without, _budget);
        var states = new int[product.States.Count];
        for (var i = 0; i < states.Length; i++)
        {
            states[i] = _nfa.Add();
        }

        _nfa.Join(from, states[0]);
        for (var i = 0; i < states.Length; i++)
        {
            foreach (var edge in product.States[i].Bytes)
            {
                _nfa.Take(states[i], edge.First, edge.Last, states[edge.To]);
            }

            if (product.States[i].Accepts)
            {
                _nfa.Join(states[i], to);
            }
        }
    }
}

using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Automata;

/// <summary>
/// Compiles a grammar: each rule by itself, then all of them into one automaton, without what leads nowhere. A rule that can begin with itself before it has taken a byte is refused:
/// there would be no end to beginning it.
/// </summary>
internal sealed class AutomatonBuilder
{
    private readonly Grammar _grammar;
    private readonly WorkBudget _budget = new();
    private readonly List<Dfa> _rules = [];
    private readonly Dictionary<int, int> _places = [];
    private readonly List<int> _order = [];

    private AutomatonBuilder(Grammar grammar) => _grammar = grammar;

    /// <summary>Compiles.</summary>
    /// <exception cref="GrammarException">It is too large or too costly, has a rule that begins with itself, or no text at all.</exception>
    public static Automaton Build(Grammar grammar)
    {
        var builder = new AutomatonBuilder(grammar);
        builder.CompileRules();
        var live = LiveStates.Find(builder._rules);
        if (!live.IsLive(0, 0))
        {
            throw new GrammarException("No text satisfies the constraint.");
        }

        LeftRecursion.Refuse(builder._rules);
        return builder.Flatten(live);
    }

    // The start is rule 0; the others are numbered as they are first named.
    private void CompileRules()
    {
        Compile(_grammar.Start);
        for (var i = 0; i < _order.Count; i++)
        {
            Compile(_grammar.Rules[_order[i]]);
        }
    }

    private void Compile(GrammarExpression expression)
    {
        var dfa = NfaWriter.Compile(expression, _budget, rulesAllowed: true);
        for (var i = 0; i < dfa.States.Count; i++)
        {
            dfa.States[i] = dfa.States[i] with { Calls = [.. dfa.States[i].Calls.Select(call => call with { Rule = PlaceOf(call.Rule) })] };
        }

        _rules.Add(dfa);
    }

    private int PlaceOf(int rule)
    {
        if (!_places.TryGetValue(rule, out var place))
        {
            _order.Add(rule);
            place = _order.Count;
            _places.Add(rule, place);
        }

        return place;
    }

    private Automaton Flatten(LiveStates live)
    {
        var numbers = new Dictionary<(int Rule, int State), int>();
        var states = new List<(int Rule, Dfa.State State)>();
        for (var rule = 0; rule < _rules.Count; rule++)
        {
            for (var state = 0; state < _rules[rule].States.Count; state++)
            {
                if (live.IsLive(rule, state))
                {
                    numbers.Add((rule, state), numbers.Count);
                    states.Add((rule, _rules[rule].States[state]));
                }
            }
        }

        return new Automaton([.. states.Select(state => Flat(state.Rule, state.State, numbers))]);
    }

    private (IReadOnlyList<Nfa.ByteEdge> Bytes, IReadOnlyList<(int Start, int Return)> Calls, bool Accepts) Flat(
        int rule, Dfa.State state, Dictionary<(int Rule, int State), int> numbers)
    {
        var bytes = state.Bytes
            .Where(edge => numbers.ContainsKey((rule, edge.To)))
            .Select(edge => edge with { To = numbers[(rule, edge.To)] });
        var calls = state.Calls
            .Where(call => numbers.ContainsKey((rule, call.To)) && numbers.ContainsKey((call.Rule, 0)))
            .Select(call => (numbers[(call.Rule, 0)], OnlyEnds(rule, call.To) ? Automaton.TailCall : numbers[(rule, call.To)]));
        return ([.. bytes], [.. calls], state.Accepts);
    }

    private bool OnlyEnds(int rule, int state) => _rules[rule].States[state] is { Accepts: true, Bytes.Count: 0, Calls.Count: 0 };
}

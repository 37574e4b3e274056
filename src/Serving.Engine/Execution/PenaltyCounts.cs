using System.Runtime.InteropServices;
using Serving.Compute.Steps;

namespace Serving.Engine.Execution;

/// <summary>Which distinct tokens a sequence has seen, and how often each is in its output: what penalties read.</summary>
public sealed class PenaltyCounts
{
    private readonly Dictionary<int, int> _index = [];
    private readonly List<PenaltyToken> _tokens = [];

    /// <summary>Starts with the prompt's tokens, none of them in the output.</summary>
    public PenaltyCounts(IReadOnlyList<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        for (var i = 0; i < prompt.Count; i++)
        {
            Add(prompt[i], 0);
        }
    }

    /// <summary>Counts an output token.</summary>
    public void AddOutput(int token) => Add(token, 1);

    /// <summary>Adds all entries to a step, in order of first appearance.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="drafts">Output tokens that count in these entries only.</param>
    public void CopyTo(StepInputs inputs, ReadOnlySpan<int> drafts)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var known = _tokens.Count;
        foreach (var draft in drafts)
        {
            Add(draft, 1);
        }

        CopyTo(inputs);
        foreach (var draft in drafts)
        {
            CollectionsMarshal.AsSpan(_tokens)[_index[draft]].OutputCount--;
        }

        for (var i = known; i < _tokens.Count; i++)
        {
            _index.Remove(_tokens[i].Token);
        }

        _tokens.RemoveRange(known, _tokens.Count - known);
    }

    private void CopyTo(StepInputs inputs)
    {
        foreach (ref readonly var entry in CollectionsMarshal.AsSpan(_tokens))
        {
            inputs.AddPenalty(entry.Token, entry.OutputCount);
        }
    }

    private void Add(int token, int outputs)
    {
        if (_index.TryGetValue(token, out var index))
        {
            CollectionsMarshal.AsSpan(_tokens)[index].OutputCount += outputs;
            return;
        }

        _index.Add(token, _tokens.Count);
        _tokens.Add(new PenaltyToken { Token = token, OutputCount = outputs });
    }
}

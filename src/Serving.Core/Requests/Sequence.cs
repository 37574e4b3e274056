using Serving.Core.Modules;

namespace Serving.Core.Requests;

/// <summary>One choice of a request: its list of tokens, and how far they are computed. Created and changed by the scheduler.</summary>
public sealed class Sequence
{
    private int[] _tokens = [];
    private int[] _positions = [];

    /// <summary>Starts a sequence at its request's prompt.</summary>
    public Sequence(Request request, int choice)
    {
        ArgumentNullException.ThrowIfNull(request);
        Request = request;
        Choice = choice;
        TokenCount = PromptCount;
        foreach (var import in request.Imports)
        {
            ImportedCount += import.Tokens.Count;
        }
    }

    /// <summary>The request it belongs to.</summary>
    public Request Request { get; }

    /// <summary>The module that it computes for whoever imports it; null for a sequence of a client. Such a one has no events and no output.</summary>
    public ModuleRef? Module { get; internal set; }

    /// <summary>Which of the request's choices it is, from 0.</summary>
    public int Choice { get; }

    /// <summary>Where it is in its life.</summary>
    public SequenceStatus Status { get; internal set; }

    /// <summary>Tokens of prompt and output.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptCount => Request.Prompt.Count;

    /// <summary>Tokens of the modules that the prompt begins with.</summary>
    public int ImportedCount { get; }

    /// <summary>Tokens generated, a stop token that ended it included.</summary>
    public int OutputCount => TokenCount - PromptCount;

    /// <summary>Tokens whose keys and values are in its pages.</summary>
    public int ComputedCount { get; internal set; }

    /// <summary>Per import, whether its first admission found it: in the pool, on its way there for somebody else, or in host memory. The others were encoded for it.</summary>
    public IReadOnlyList<bool> ImportHits { get; internal set; } = [];

    /// <summary>Prompt tokens that its first admission took from modules that it found, and from the prefix cache.</summary>
    public int CachedCount { get; internal set; }

    /// <summary>State that the engine keeps with a sequence (detokeniser, stop matcher, penalty counts).</summary>
    public object? Tag { get; set; }

    /// <summary>All tokens, once it has begun.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, TokenCount);

    /// <summary>Positions of all the tokens it may come to hold, once it has begun.</summary>
    internal ReadOnlySpan<int> Positions => _positions;

    /// <summary>A token by its ordinal: prompt, then output.</summary>
    public int this[int ordinal] => _tokens.Length > 0 ? Tokens[ordinal] : Request.Prompt[ordinal];

    /// <summary>Takes room for all the tokens it may come to hold, once.</summary>
    internal void Begin(int capacity)
    {
        if (_tokens.Length > 0)
        {
            return;
        }

        _tokens = new int[Math.Max(capacity, PromptCount)];
        _positions = new int[_tokens.Length];
        var next = 0;
        for (var i = 0; i < _tokens.Length; i++)
        {
            _tokens[i] = i < PromptCount ? Request.Prompt[i] : 0;
            _positions[i] = i < PromptCount && Request.Positions is { } positions ? positions[i] : next;
            next = Math.Max(next, _positions[i] + 1);
        }
    }

    /// <summary>Adds a generated token.</summary>
    internal void Append(int token) => _tokens[TokenCount++] = token;
}

using Serving.Core.Tenancy;

namespace Serving.Core.Scheduling;

/// <summary>One tenant's waiting sequences, in the order in which they are to be admitted, and what it was served.</summary>
internal sealed class TenantQueue
{
    private readonly List<SequenceState> _waiting = [];

    /// <summary>A tenant without requests.</summary>
    public TenantQueue(Tenant tenant) => Tenant = tenant;

    /// <summary>By the order of tenants' first requests.</summary>
    public static IComparer<TenantQueue> ByOrdinal { get; } = Comparer<TenantQueue>.Create(static (left, right) => left.Ordinal.CompareTo(right.Ordinal));

    /// <summary>How many tenants had a request before this one.</summary>
    public required int Ordinal { get; init; }

    /// <summary>The tenant, as of its last request.</summary>
    public Tenant Tenant { get; set; }

    /// <summary>Virtual counter: service received, divided by weight and lifted when it rejoins.</summary>
    public double Counter { get; set; }

    /// <summary>Sequences that run.</summary>
    public int Running { get; set; }

    /// <summary>Prompt tokens charged so far: all but those taken from the prefix cache.</summary>
    public long InputTokens { get; set; }

    /// <summary>Tokens generated so far.</summary>
    public long OutputTokens { get; set; }

    /// <summary>Pages in the tables of its running sequences, while a victim is looked for.</summary>
    public int HeldPages { get; set; }

    /// <summary>Waiting sequences that the current admission pass has skipped, from the first.</summary>
    public int Skipped { get; set; }

    /// <summary>Those of them that lack nothing but to know what their constraint allows.</summary>
    public int Held { get; set; }

    /// <summary>Sequences waiting.</summary>
    public int Count => _waiting.Count;

    /// <summary>A waiting sequence by its place.</summary>
    public SequenceState this[int place] => _waiting[place];

    /// <summary>Adds a sequence at its place: lower priority value first, then by arrival, then by choice.</summary>
    public void Add(SequenceState state)
    {
        var place = _waiting.Count;
        while (place > 0 && Before(state, _waiting[place - 1]))
        {
            place--;
        }

        _waiting.Insert(place, state);
        state.Queued = true;
        Skipped += place < Skipped ? 1 : 0;
    }

    /// <summary>Takes a sequence out.</summary>
    public void Remove(SequenceState state)
    {
        var place = _waiting.IndexOf(state);
        _waiting.RemoveAt(place);
        state.Queued = false;
        Skipped -= place < Skipped ? 1 : 0;
    }

    private static bool Before(SequenceState left, SequenceState right)
    {
        var (a, b) = (left.Request.Request, right.Request.Request);
        if (a.Priority != b.Priority)
        {
            return a.Priority < b.Priority;
        }

        return a.Id.Value != b.Id.Value ? a.Id.Value < b.Id.Value : left.Sequence.Choice < right.Sequence.Choice;
    }
}

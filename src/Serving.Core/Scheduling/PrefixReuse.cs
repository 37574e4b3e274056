using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>
/// The pages of the prefix cache that an admitted sequence starts from. At least its last token is left to compute, because that one's row gives the next; a prompt that is scored
/// is computed as a whole.
/// </summary>
internal sealed class PrefixReuse
{
    private readonly SchedulerState _state;
    private PageId[] _hits = [];

    /// <summary>Reuse in a scheduler.</summary>
    public PrefixReuse(SchedulerState state) => _state = state;

    /// <summary>Looks a sequence's beginning up; nothing is taken yet.</summary>
    /// <param name="next">The sequence.</param>
    /// <param name="idle">How many of the pages found nobody holds: taking them leaves fewer to be had.</param>
    /// <returns>Pages found.</returns>
    public int Find(SequenceState next, out int idle)
    {
        var chain = next.Prepare();
        var sequence = next.Sequence;
        var most = (sequence.TokenCount - 1 - sequence.ImportedCount) / PagePool.SlotsPerPage;
        idle = 0;
        if (!_state.Options.PrefixCaching || (sequence.Request.ScorePrompt && sequence.Choice == 0 && sequence.OutputCount == 0))
        {
            return 0;
        }

        if (_hits.Length < most)
        {
            _hits = new PageId[Math.Max(most, 2 * _hits.Length)];
        }

        PageId? parent = null;
        for (var i = 0; i < most; i++)
        {
            var key = chain.KeyOf(i, sequence.Tokens, sequence.Positions);
            if (_state.Cache.Find(key, chain.Root, parent, chain.PartOf(i, sequence.Tokens), chain.PartOf(i, sequence.Positions)) is not { } page)
            {
                return i;
            }

            _hits[i] = page;
            idle += _state.Pool.StateOf(page) == PageState.Cached ? 1 : 0;
            parent = page;
        }

        return most;
    }

    // Tokens of the imports that were not encoded for this request.
    private int CountImports(SequenceState next)
    {
        var tokens = 0;
        var hits = next.Imports.Length == 0 ? [] : new bool[next.Imports.Length];
        for (var i = 0; i < hits.Length; i++)
        {
            hits[i] = !next.Request.Encoded[i] || _state.Faults.Has(PlantedBug.ClaimHits);
            tokens += hits[i] ? next.Imports[i].Module.Tokens.Count : 0;
            _state.ModuleHits += hits[i] ? 1 : 0;
        }

        _state.ModuleHitTokens += tokens;
        next.Sequence.ImportHits = hits;
        return tokens;
    }

    /// <summary>Gives a sequence the pages that were found for it last.</summary>
    public void Take(SequenceState next, int hits)
    {
        for (var i = 0; i < hits; i++)
        {
            _state.Supply.Share(_hits[i]);
            _state.Cache.Use(_hits[i]);
            next.Table.Add(_hits[i]);
        }

        next.Sealed = hits;
        next.Private = false;
        if (next.Begun)
        {
            return;
        }

        next.PrefixCached = hits * PagePool.SlotsPerPage;
        _state.PrefixQueries += next.Sequence.PromptCount - next.Sequence.ImportedCount;
        _state.PrefixHits += next.PrefixCached;
        next.Sequence.CachedCount = next.PrefixCached + CountImports(next);
    }
}

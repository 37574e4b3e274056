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
    private PageId _snapshot;

    /// <summary>Reuse in a scheduler.</summary>
    public PrefixReuse(SchedulerState state) => _state = state;

    /// <summary>Pages of keys and values that were found last, those behind the snapshot included.</summary>
    public int Found { get; private set; }

    /// <summary>Looks a sequence's beginning up; nothing is taken yet.</summary>
    /// <param name="next">The sequence.</param>
    /// <param name="idle">How many of the pages found, those of a snapshot among them, nobody holds: taking them leaves fewer to be had.</param>
    /// <returns>Pages found; of models with a recurrent state those up to the last one that has a snapshot.</returns>
    public int Find(SequenceState next, out int idle)
    {
        Found = 0;
        var chain = next.Prepare();
        var sequence = next.Sequence;
        var most = (sequence.TokenCount - 1 - sequence.ImportedCount) / PagePool.SlotsPerPage;
        if (!_state.Options.PrefixCaching || (sequence.Request.ScorePrompt && sequence.Choice == 0 && sequence.OutputCount == 0))
        {
            idle = 0;
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
                break;
            }

            _hits[Found++] = page;
            parent = page;
        }

        return CountUsable(out idle);
    }

    private int CountUsable(out int idle)
    {
        var hits = Found;
        idle = 0;
        if (_state.Cache.StateSnapshots is { } snapshots)
        {
            while (hits > 0 && snapshots.Of(_hits[hits - 1]) is null)
            {
                hits--;
            }

            if (hits > 0)
            {
                _snapshot = _hits[hits - 1];
                idle = _state.Pool.StateOf(snapshots.Of(_snapshot)![0]) == PageState.Cached ? _state.Options.StatePages : 0;
                hits = _state.Faults.Has(PlantedBug.HitWithoutSnapshot) ? Found : hits;
            }
        }

        for (var i = 0; i < hits; i++)
        {
            idle += _state.Pool.StateOf(_hits[i]) == PageState.Cached ? 1 : 0;
        }

        return hits;
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

    // Held by the sequence until its first plan has read it.
    private void TakeSnapshot(SequenceState next, int hits)
    {
        if (_state.Cache.StateSnapshots is not { } snapshots)
        {
            return;
        }

        _state.Marks.KeysWithoutSnapshot += hits < Found ? 1 : 0;
        next.States ??= new StateVersions(_state.Options.StatePages);
        if (hits > 0)
        {
            _state.Marks.SnapshotsRead++;
            snapshots.Use(_snapshot);
            next.States.Begin(_state.Supply, snapshots.Of(_snapshot)!, _state.Faults.Has(PlantedBug.UnpinnedSnapshot));
        }
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

        TakeSnapshot(next, hits);
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

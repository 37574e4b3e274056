using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// Computing modules: a sequence of its own that begins with the spliced pages of the module's context and ends with its last token, in chunks under the token budget like any prompt.
/// It runs as the request that asked first: under its adapter, as old as it, charged to its tenant; it samples nothing, and its pages become the module's.
/// </summary>
internal sealed class ModuleEncodings
{
    private readonly SchedulerState _state;
    private readonly Packing _packing;

    /// <summary>Encodings in a scheduler.</summary>
    public ModuleEncodings(SchedulerState state, Packing packing)
    {
        _state = state;
        _packing = packing;
    }

    /// <summary>
    /// Tries to start the encoding of an absent module whose context is resident. It takes all its pages at once: it never takes from others what they gathered meanwhile.
    /// </summary>
    /// <param name="entry">The module.</param>
    /// <param name="asker">Whose it is, with the adapter and its age.</param>
    /// <param name="adapter">The adapter's residency, resident; null for the base model.</param>
    /// <param name="tenant">Whose turn it is.</param>
    public ModuleAttempt TryStart(ModuleEntry entry, Request asker, AdapterEntry? adapter, TenantQueue tenant)
    {
        if (_state.Running.Count >= _state.Options.Seats || _packing.Budget == 0)
        {
            return ModuleAttempt.Busy;
        }

        if (_state.Supply.Obtainable < entry.PageCount + Spare(entry))
        {
            return ModuleAttempt.NoRoom;
        }

        var encoding = Sequence(entry, asker, tenant);
        Take(encoding, adapter);
        if (!entry.Charged)
        {
            entry.Charged = true;
            _state.Queue.ChargeInput(tenant, entry.Module.Tokens.Count);
        }

        ModuleResidency.BeginEncode(entry);
        _state.Run(encoding);
        _packing.Give(encoding, Math.Min(_packing.Budget, entry.Module.Tokens.Count));
        return ModuleAttempt.Ordered;
    }

    /// <summary>Ends an encoding that has computed its last token: its own pages become the module's.</summary>
    public static void End(SequenceState encoding, SchedulerState state)
    {
        var pages = encoding.Table.OwnPages.ToArray();
        foreach (var _ in pages)
        {
            encoding.Table.RemoveLast();
        }

        state.Stop(encoding);
        encoding.Sequence.Status = SequenceStatus.Finished;
        state.Modules.EndEncode(encoding.Module!, pages);
    }

    // One page for the next decodes of those that run, as for any newcomer; one each after it was preempted.
    private int Spare(ModuleEntry entry) => entry.Preemptions == 0 ? Math.Min(1, _state.Running.Count) : _state.Running.Count;

    private SequenceState Sequence(ModuleEntry entry, Request asker, TenantQueue tenant)
    {
        var context = Context(entry, asker);
        var request = asker with
        {
            Imports = context,
            Prompt = [.. context.SelectMany(static module => module.Tokens), .. entry.Module.Tokens],
            Positions = [.. context.SelectMany(static module => module.Positions), .. entry.Module.Positions],
            Sampling = new SamplingParameters { MaxTokens = 0 },
            Choices = 1,
            ScorePrompt = false,
            Deadline = long.MaxValue,
            Owner = null,
        };
        return new RequestState(request, tenant, Digest.None, entry).Choices[0];
    }

    private IReadOnlyList<ModuleRef> Context(ModuleEntry entry, Request asker)
    {
        if (!_state.Faults.Has(PlantedBug.SiblingInContext))
        {
            return entry.Module.Context;
        }

        return [.. asker.Imports.TakeWhile(import => import != entry.Module).Where(import => Resident(import, entry.Adapter) is not null)];
    }

    private ModuleEntry? Resident(ModuleRef module, Digest adapter) => _state.Modules.Index.Find(module, adapter) is { State: ModuleState.Resident } entry ? entry : null;

    private void Take(SequenceState encoding, AdapterEntry? adapter)
    {
        var entry = encoding.Module!;
        encoding.Begin();
        encoding.Imports = [.. encoding.Sequence.Request.Imports.Select(module => Resident(module, entry.Adapter)!)];
        _state.Splice(encoding);
        if (adapter is not null)
        {
            encoding.Adapter = adapter;
            _state.Adapters.Pin(adapter);
        }

        for (var i = 0; i < entry.PageCount; i++)
        {
            var taken = _state.Supply.TryTake(out var page);
            Integrity.Require(taken, "fewer pages can be had than were promised");
            encoding.Table.Add(page);
        }

        encoding.Preemptions = entry.Preemptions;
        encoding.Scheduled = encoding.Sequence.ComputedCount = encoding.Table.HeadTokens;
    }
}

using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Core.Scheduling;

/// <summary>
/// Modules that tenants want to stay: brought in when nothing else wants to run, one at a time, and never evicted. They take a bounded share of the pool, and never so much
/// that an accepted request could not fit beside them.
/// </summary>
internal sealed class ModulePins
{
    private readonly SchedulerState _state;
    private readonly Admission _admission;
    private readonly List<PinnedModule> _pins = [];

    /// <summary>Nothing is pinned.</summary>
    public ModulePins(SchedulerState state, Admission admission)
    {
        _state = state;
        _admission = admission;
    }

    private int MostPages => (int)(_state.Options.PageCount * _state.Options.PinnedModuleShare);

    /// <summary>Pins a module; false when it and what is pinned already would take too much.</summary>
    public bool Add(ModuleRef module, Tenant tenant, AdapterRef? adapter)
    {
        var request = AskerOf(module, tenant, adapter);
        if (Find(module, adapter) is not null)
        {
            return true;
        }

        var pages = PagePool.PagesFor(module.Tokens.Count);
        if (_state.PinnedPages + pages > MostPages || !RequestSize.Fits(request, _state.Options, _state.PinnedPages) || !LeavesRoom(pages))
        {
            return false;
        }

        var pin = new PinnedModule(module, new SequenceState(new RequestState(request, _state.Queue.Of(tenant), Digest.None), 0));
        _pins.Add(pin);
        _state.PinnedPages += pages;
        Begin(pin);
        return true;
    }

    /// <summary>Ends a pin; the module stays as long as its value says.</summary>
    public void Remove(ModuleRef module, AdapterRef? adapter)
    {
        if (Find(module, adapter) is { } pin)
        {
            Remove(pin);
        }
    }

    /// <summary>Ends the pins under an adapter: it was replaced, or cannot be loaded.</summary>
    public void RemoveUnder(Digest adapter)
    {
        for (var i = _pins.Count - 1; i >= 0; i--)
        {
            if (_pins[i].Asker.Sequence.Request.Adapter?.Digest == adapter)
            {
                Remove(_pins[i]);
            }
        }
    }

    /// <summary>Nothing else wants to run: brings in the first one that is not there.</summary>
    public void Run()
    {
        foreach (var pin in _pins)
        {
            if (pin.Waits)
            {
                if (!_admission.Gather(pin.Asker))
                {
                    return;
                }

                End(pin);
            }
        }
    }

    /// <summary>The device is about to be lost: nobody waits for what it held.</summary>
    public void Suspend()
    {
        foreach (var pin in _pins)
        {
            End(pin);
            if (EntryOf(pin) is { State: ModuleState.Encoding } entry)
            {
                _state.StopEncoding(entry);
            }
        }
    }

    /// <summary>A fresh device: everything pinned is wanted again.</summary>
    public void Resume()
    {
        foreach (var pin in _pins)
        {
            Begin(pin);
        }
    }

    // The asker of a pinned module: younger than every request, and it never runs itself.
    private static Request AskerOf(ModuleRef module, Tenant tenant, AdapterRef? adapter) => new()
    {
        Id = new RequestId(long.MaxValue),
        Tenant = tenant,
        Adapter = adapter,
        Imports = [module],
        Prompt = [.. module.Tokens],
        Positions = module.Positions,
        Sampling = new SamplingParameters { MaxTokens = 0 },
    };

    private PinnedModule? Find(ModuleRef module, AdapterRef? adapter)
    {
        var entry = _state.Modules.Index.Find(module, adapter?.Digest ?? Digest.None);
        return entry is null ? null : _pins.Find(pin => ReferenceEquals(EntryOf(pin), entry));
    }

    private ModuleEntry? EntryOf(PinnedModule pin) => _state.Modules.Index.Find(pin.Module, pin.Asker.Sequence.Request.Adapter?.Digest ?? Digest.None);

    private bool LeavesRoom(int pages)
    {
        foreach (var request in _state.Requests.Values)
        {
            if (!RequestSize.Fits(request.Request, _state.Options, _state.PinnedPages + pages))
            {
                return false;
            }
        }

        return true;
    }

    private void Begin(PinnedModule pin)
    {
        pin.Waits = true;
        _state.Await(pin.Asker);
        _state.Modules.Keep(pin.Asker.Imports[0], pinned: true);
    }

    private void End(PinnedModule pin)
    {
        if (!pin.Waits)
        {
            return;
        }

        pin.Waits = false;
        _state.StopWaiting(pin.Asker);
        if (pin.Asker.Adapter is { } adapter)
        {
            _state.Adapters.RemoveWaiter(adapter);
            pin.Asker.Adapter = null;
        }
    }

    private void Remove(PinnedModule pin)
    {
        _pins.Remove(pin);
        _state.PinnedPages -= PagePool.PagesFor(pin.Module.Tokens.Count);
        if (EntryOf(pin) is { } entry)
        {
            _state.Modules.Keep(entry, pinned: false);
        }

        End(pin);
    }

    private sealed class PinnedModule(ModuleRef module, SequenceState asker)
    {
        public ModuleRef Module { get; } = module;

        public SequenceState Asker { get; } = asker;

        public bool Waits { get; set; }
    }
}

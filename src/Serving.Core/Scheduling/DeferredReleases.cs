using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;

namespace Serving.Core.Scheduling;

/// <summary>
/// The plans in flight, and what they hold back: pages, adapters and modules given up while a plan is in flight may be named by it, so they are given back when the newest
/// such plan is complete, and at once when there is none.
/// </summary>
internal sealed class DeferredReleases
{
    /// <summary>Most plans in flight: one computes, one is ready to follow it.</summary>
    public const int MaxInFlight = 2;

    private readonly PageSupply _supply;
    private readonly AdapterResidency _adapters;
    private readonly ModuleResidency _modules;
    private readonly List<ModuleEntry>[] _modulePins = [[], []];
    private readonly List<PageId>[] _pages = [[], []];
    private readonly List<AdapterEntry>[] _pins = [[], []];
    private long _newest;

    /// <summary>No plan is in flight.</summary>
    public DeferredReleases(PageSupply supply, AdapterResidency adapters, ModuleResidency modules)
    {
        _modules = modules;
        _supply = supply;
        _adapters = adapters;
    }

    /// <summary>Plans scheduled and not complete.</summary>
    public int InFlight { get; private set; }

    /// <summary>Pages held back.</summary>
    public int PageCount => _pages[0].Count + _pages[1].Count;

    /// <summary>The pages held back, each as often as it was given up.</summary>
    public IEnumerable<PageId> Pages => _pages[0].Concat(_pages[1]);

    /// <summary>Adapter pins held back.</summary>
    public IEnumerable<AdapterEntry> Pins => _pins[0].Concat(_pins[1]);

    /// <summary>Module pins held back.</summary>
    public IEnumerable<ModuleEntry> ModulePins => _modulePins[0].Concat(_modulePins[1]);

    /// <summary>A plan takes off.</summary>
    public void Begin(long number)
    {
        _newest = number;
        InFlight++;
    }

    /// <summary>A plan is complete; its successor may be in flight.</summary>
    public void End(long number)
    {
        InFlight--;
        Drain((int)(number & 1));
    }

    /// <summary>The device is lost with every plan in flight.</summary>
    public void Abandon()
    {
        InFlight = 0;
        Drain(0);
        Drain(1);
    }

    /// <summary>Gives up one reference to a page.</summary>
    public void Release(PageId page)
    {
        if (InFlight == 0)
        {
            _supply.Release(page);
        }
        else
        {
            _pages[_newest & 1].Add(page);
        }
    }

    /// <summary>Gives up a sequence's pin of its adapter.</summary>
    public void Unpin(AdapterEntry entry)
    {
        if (InFlight == 0)
        {
            _adapters.Unpin(entry);
        }
        else
        {
            _pins[_newest & 1].Add(entry);
        }
    }

    /// <summary>Gives up a sequence's pin of a module.</summary>
    public void Unpin(ModuleEntry entry)
    {
        if (InFlight == 0)
        {
            _modules.Unpin(entry);
        }
        else
        {
            _modulePins[_newest & 1].Add(entry);
        }
    }

    private void Drain(int parity)
    {
        foreach (var page in _pages[parity])
        {
            _supply.Release(page);
        }

        foreach (var entry in _pins[parity])
        {
            _adapters.Unpin(entry);
        }

        foreach (var entry in _modulePins[parity])
        {
            _modules.Unpin(entry);
        }

        _modulePins[parity].Clear();
        _pages[parity].Clear();
        _pins[parity].Clear();
    }
}

using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Modules;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// A resident module is in the pool once, and its pages hold what its own context and tokens make of it and nothing else: no sibling, no other adapter. Pinned ones stay, within their share;
/// copies stay within the host's pages.
/// </summary>
internal sealed class ModulesAreTrue() : Invariant("27 modules are true")
{
    private readonly HashSet<(Digest Key, Digest Adapter)> _resident = [];
    private readonly HashSet<(Digest Key, Digest Adapter)> _pinned = [];
    private int _losses;

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        var state = world.Scheduler.State;
        _resident.Clear();
        foreach (var entry in state.Modules.Index.All)
        {
            if (entry.State == ModuleState.Resident)
            {
                world.EverResident.Add(entry.Module.Key);
                if (!_resident.Add((entry.Module.Key, entry.Adapter)))
                {
                    throw Violated($"the module of {entry.Module.Tokens.Count} tokens is in the pool twice");
                }

                CheckPages(world, entry, full);
            }
        }

        CheckPins(world, state);
        if (state.Modules.Host.UsedPages > world.Settings.HostPages)
        {
            throw Violated($"copies take {state.Modules.Host.UsedPages} host pages of {world.Settings.HostPages}");
        }

        NoteEncodings(world, state);
    }

    private void CheckPages(World world, ModuleEntry entry, bool full)
    {
        if (!full)
        {
            return;
        }

        var contents = ModuleContents.Of(entry.Module);
        for (var i = 0; i < contents.Length; i++)
        {
            var (page, slot) = (entry.Lease!.Pages[i / FakePages.Slots], i % FakePages.Slots);
            var holds = world.Pages.TokenAt(page, slot) == entry.Module.Tokens[i]
                && world.Pages.PositionAt(page, slot) == entry.Module.Positions[i]
                && world.Pages.AdapterAt(page, slot) == (entry.Adapter.IsNone ? 0 : Fingerprint.Of(entry.Adapter))
                && world.Pages.ContentAt(page, slot) == contents[i];
            if (!holds)
            {
                throw Violated($"slot {slot} of page {page.Value} is not token {i} of {contents.Length} of its module on its context");
            }
        }
    }

    private void CheckPins(World world, SchedulerState state)
    {
        if (world.Losses != _losses)
        {
            _losses = world.Losses;
            _pinned.Clear();
        }

        if (state.PinnedPages > (int)(world.Settings.Pages * world.Settings.PinnedShare))
        {
            throw Violated($"pinned modules take {state.PinnedPages} pages of {world.Settings.Pages}, their share is {world.Settings.PinnedShare}");
        }

        foreach (var pin in world.Pins)
        {
            var key = (pin.Module.Key, pin.Adapter?.Digest ?? Digest.None);
            if (_pinned.Contains(key) && !_resident.Contains(key))
            {
                throw Violated($"a pinned module of {pin.Module.Tokens.Count} tokens was evicted");
            }
        }

        _pinned.Clear();
        foreach (var pin in world.Pins)
        {
            var key = (pin.Module.Key, pin.Adapter?.Digest ?? Digest.None);
            if (_resident.Contains(key))
            {
                _pinned.Add(key);
            }
        }
    }

    private static void NoteEncodings(World world, SchedulerState state)
    {
        if (state.Marks.EncodesPreempted > 0)
        {
            world.Marks.Hit(Mark.EncodePreempted);
        }

        if (state.Marks.EncodesStopped > state.Marks.EncodesPreempted)
        {
            world.Marks.Hit(Mark.EncodeStopped);
        }

        foreach (var running in state.Running)
        {
            if (running.Module is { } entry && running.Sequence.Request.Id.Value != long.MaxValue)
            {
                NoteEncoding(world, entry, running.Sequence.Request.Id.Value);
            }
        }
    }

    private static void NoteEncoding(World world, ModuleEntry entry, long asker)
    {
        var (asks, others) = (false, false);
        foreach (var request in world.Live)
        {
            var imports = request.Request.Imports.Any(import => import.Key == entry.Module.Key);
            asks |= imports && request.Request.Id.Value == asker;
            others |= imports && request.Request.Id.Value != asker && !request.Started;
        }

        if (others)
        {
            world.Marks.Hit(asks ? Mark.ModuleAwaited : Mark.EncodeOrphaned);
        }
    }
}

using Serving.Core.Adapters;
using Serving.Core.Modules;

namespace Serving.Core.Scheduling;

/// <summary>
/// What a queued sequence imports is brought into the pool in its turn: from host memory where a copy is, else encoded, what a module stands on first. Those that are there are held for the
/// rest of the pass, so that who comes later does not take them from who came first.
/// <para>
/// Turns change while modules are encoded, and two that gather in turns could take from each other for ever. So one of them, the first that ordered something, keeps what it has
/// from everybody else's passes until it runs. It holds it against newcomers only: those who run take what they need, and come to their end.
/// </para>
/// </summary>
internal sealed class Gathering
{
    private readonly SchedulerState _state;
    private readonly ModuleEncodings _encodings;
    private SequenceState? _first;
    private long _pass;

    /// <summary>Gathering in a scheduler.</summary>
    public Gathering(SchedulerState state, ModuleEncodings encodings)
    {
        _state = state;
        _encodings = encodings;
    }

    /// <summary>The one that keeps what it has, if it still waits.</summary>
    public SequenceState? First => _first is { Queued: true } ? _first : null;

    /// <summary>A pass over the queue begins.</summary>
    public void BeginPass()
    {
        _pass++;
        if (_first is not { Queued: true })
        {
            _first = null;
            return;
        }

        if (_first.Adapter is { State: AdapterState.Resident } adapter)
        {
            _state.Adapters.Hold(adapter);
        }

        foreach (var entry in _first.Wanted)
        {
            HoldIfResident(entry);
        }
    }

    /// <summary>Whether all that a sequence imports is resident; what is not is ordered.</summary>
    /// <param name="next">A sequence whose adapter is resident and fits the step.</param>
    /// <param name="roomless">Whether it waits for room, or lost again what it had gathered.</param>
    public bool IsReady(SequenceState next, out bool roomless)
    {
        var ready = true;
        roomless = false;
        foreach (var import in next.Imports)
        {
            if (!Require(import, next))
            {
                ready = false;
                roomless |= import.Roomless;
            }
        }

        roomless |= !ready && next.Gathered > next.Wanted.Length;
        return ready;
    }

    // Each module is looked at once in a pass, by the first one that wants it.
    private bool Require(ModuleEntry entry, SequenceState asker)
    {
        if (entry.Pass != _pass)
        {
            entry.Pass = _pass;
            entry.Roomless = false;
            if (entry.State == ModuleState.Absent)
            {
                var attempt = Order(entry, asker);
                entry.Roomless |= attempt == ModuleAttempt.NoRoom;
            }
        }

        HoldIfResident(entry);
        return entry.State == ModuleState.Resident;
    }

    private ModuleAttempt Order(ModuleEntry entry, SequenceState asker)
    {
        ModuleAttempt attempt;
        if (entry.HasCopy)
        {
            attempt = _state.Modules.TryLoad(entry, out var transfer);
            if (transfer is not null)
            {
                _state.Sink.OnModuleTransfer(transfer);
            }
        }
        else
        {
            if (!RequireContext(entry, asker))
            {
                return ModuleAttempt.Busy;
            }

            attempt = _encodings.TryStart(entry, asker.Sequence.Request, asker.Adapter, asker.Request.Tenant);
            NoteEncoded(entry, asker, attempt);
        }

        if (attempt == ModuleAttempt.Ordered)
        {
            asker.Gathered++;
            _first ??= asker;
        }

        return attempt;
    }

    private bool RequireContext(ModuleEntry entry, SequenceState asker)
    {
        var ready = true;
        foreach (var module in entry.Module.Context)
        {
            var before = _state.Modules.Index.Register(module, entry.Adapter);
            ready &= Require(before, asker);
            entry.Roomless |= before.Roomless;
        }

        return ready;
    }

    private static void NoteEncoded(ModuleEntry entry, SequenceState asker, ModuleAttempt attempt)
    {
        for (var i = 0; attempt == ModuleAttempt.Ordered && i < asker.Imports.Length; i++)
        {
            asker.Request.Encoded[i] |= asker.Imports[i] == entry;
        }
    }

    private void HoldIfResident(ModuleEntry entry)
    {
        if (entry.State == ModuleState.Resident)
        {
            _state.Modules.Hold(entry);
        }
    }
}

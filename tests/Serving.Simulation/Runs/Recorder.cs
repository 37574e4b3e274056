using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Faults;
using Serving.Simulation.Invariants;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>The scheduler's sink: every event goes to the trace, past the invariants, and into the tracks.</summary>
internal sealed class Recorder(World world, FakeLoader loader, Invariant[] invariants) : ISchedulerSink
{
    /// <inheritdoc/>
    public bool IsReady(Sequence sequence)
    {
        var track = World.TrackOf(sequence);
        foreach (var invariant in invariants)
        {
            invariant.OnReadiness(world, track);
        }

        return FakeMasks.IsReady(world, track);
    }

    /// <inheritdoc/>
    public int Propose(Sequence sequence, Span<Draft> drafts) => FakeDrafts.Propose(world, World.TrackOf(sequence), drafts);

    /// <inheritdoc/>
    public TokenVerdict OnToken(Sequence sequence, int token, int output)
    {
        var track = World.TrackOf(sequence);
        world.Trace.Add(TraceKind.Token, track.Owner.Request.Id.Value, track.Choice, token);
        foreach (var invariant in invariants)
        {
            invariant.OnToken(world, track, token, output);
        }

        var expected = track.Oracle.Next;
        track.AnswerHash = Mixing.Fold(track.AnswerHash, (ulong)token);
        track.Emitted++;
        track.Outputs++;
        if (track.AbortAt == track.Emitted - 1)
        {
            track.Owner.Aborted = true;
            world.Marks.Hit(Mark.SlowReader);
            return TokenVerdict.Abort;
        }

        track.Closing = expected.End is not null;
        DraftNotes.Take(world, track, token, output);
        if (!track.Closing)
        {
            track.Oracle.Advance();
        }

        if (expected.StopString)
        {
            return TokenVerdict.Stop;
        }

        return track.DeadEndAt == track.Emitted - 1 ? DeadEnd(track) : TokenVerdict.Continue;
    }

    // A sequence that ends with this token in any case needs no further one.
    private TokenVerdict DeadEnd(SequenceTrack track)
    {
        track.Owner.DeadEnded = !track.Closing;
        world.Marks.Hit(track.Closing ? Mark.DeadEndAtTheEnd : Mark.DeadEnd);
        return TokenVerdict.DeadEnd;
    }

    /// <inheritdoc/>
    public void OnPromptScored(Sequence sequence, int ordinal, int output)
    {
        var track = World.TrackOf(sequence);
        world.Trace.Add(TraceKind.Scored, track.Owner.Request.Id.Value, track.Choice, ordinal);
        foreach (var invariant in invariants)
        {
            invariant.OnScored(world, track, ordinal);
        }

        track.Scored++;
    }

    /// <inheritdoc/>
    public void OnPromptEmbedded(Sequence sequence, int hidden)
    {
        var track = World.TrackOf(sequence);
        world.Trace.Add(TraceKind.Embedded, track.Owner.Request.Id.Value, track.Choice, hidden);
        foreach (var invariant in invariants)
        {
            invariant.OnEmbedded(world, track, hidden);
        }

        track.Embedded++;
        world.Marks.Hit(track.Embedded == 1 ? Mark.Embedded : Mark.EmbeddedAgain);
    }

    /// <inheritdoc/>
    public void OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
        var track = World.TrackOf(sequence);
        world.Trace.Add(TraceKind.Finished, track.Owner.Request.Id.Value, track.Choice, ((long)reason * 256) + (error is { } code ? (long)code + 1 : 0));
        foreach (var invariant in invariants)
        {
            invariant.OnFinished(world, track, reason, stopToken, error);
        }

        track.Outputs += stopToken is null ? 0 : 1;
        if (reason == FinishReason.Stop && world.Device.InFlight == 2)
        {
            world.Marks.Hit(Mark.StoppedAhead);
        }

        world.End(track, reason);
    }

    /// <inheritdoc/>
    public void OnAdapterLoad(AdapterLoad load)
    {
        world.Trace.Add(TraceKind.Load, (long)Fingerprint.Of(load.Digest), load.Slot, load.Pages[0].Value);
        foreach (var invariant in invariants)
        {
            invariant.OnLoad(world, load);
        }

        if (world.Slots[load.Slot] is { } before && before.Digest != load.Digest)
        {
            world.Marks.Hit(Mark.SlotReused);
        }

        world.Slots.Begin(load);
        loader.Order(world, load);
    }

    /// <inheritdoc/>
    public void OnModuleTransfer(ModuleTransfer transfer)
    {
        world.Trace.Add(TraceKind.Transfer, transfer.Number, transfer.ToHost ? 1 : 0, transfer.Pages[0].Value);
        foreach (var invariant in invariants)
        {
            invariant.OnTransfer(world, transfer);
        }

        world.Host.Begin(transfer);
        loader.Order(world, transfer);
    }
}

using Serving.Core.Requests;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>Reported tokens are the oracle's, and an undisturbed sequence ends where and why the oracle's does: batching, chunks, preemption and caches change nothing.</summary>
internal sealed class AnswersOfOracle() : Invariant("10 answers of the oracle")
{
    /// <inheritdoc/>
    public override void OnToken(World world, SequenceTrack track, int token, int output)
    {
        var expected = track.Oracle.Next;
        if (!expected.Reported || expected.Token != token)
        {
            throw Violated($"{track.Owner.Request.Id.Value}.{track.Choice} output {track.Emitted}: token {token}, the oracle says {expected.Token}{(expected.Reported ? "" : " (a stop token)")}");
        }
    }

    /// <inheritdoc/>
    public override void OnEmbedded(World world, SequenceTrack track, int hidden)
    {
        if (world.Device.Oldest.Hidden[hidden] != track.Oracle.State)
        {
            throw Violated($"{track.Owner.Request.Id.Value} is embedded by hidden state {hidden} of {world.Device.Oldest.Hidden.Count}, which is not that of its prompt");
        }
    }

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error)
    {
        var name = $"{track.Owner.Request.Id.Value}.{track.Choice}";
        if (reason is FinishReason.Cancelled or FinishReason.Failed)
        {
            CheckDisturbed(world, track, reason, error, name);
            return;
        }

        var expected = track.Oracle.Next;
        if (error is not null || expected.End != reason || stopToken != StopTokenOf(expected) || (expected.Reported && !track.Closing))
        {
            throw Violated($"{name} ends with {reason}, stop token {stopToken}, error {error} after {track.Emitted} outputs; the oracle says {expected}");
        }

        if (track.Owner.Request.ScorePrompt && track.Choice == 0 && track.Scored != track.Owner.Request.Prompt.Count - 1)
        {
            throw Violated($"{name} ends with {track.Scored} of {track.Owner.Request.Prompt.Count} prompt tokens scored");
        }

        if (track.Owner.Request.EmbedPrompt && track.Embedded == 0)
        {
            throw Violated($"{name} ends without its embedding");
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        foreach (var request in world.Live)
        {
            if (request.Aborted)
            {
                throw Violated($"{request.Request.Id.Value} was aborted by its reader and lives on");
            }

            if (request.DeadEnded)
            {
                throw Violated($"{request.Request.Id.Value} came to a dead end and lives on");
            }
        }
    }

    private static int? StopTokenOf(Expected expected) => expected.End == FinishReason.Stop && !expected.Reported ? expected.Token : null;

    private void CheckDisturbed(World world, SequenceTrack track, FinishReason reason, RequestError? error, string name)
    {
        var faults = world.Settings.Faults;
        var explained = error switch
        {
            RequestError.Cancelled => faults.Cancel > 0,
            RequestError.SlowReader => track.Owner.Aborted,
            RequestError.ConstraintUnsatisfiable => track.Owner.DeadEnded,
            RequestError.DeadlineExceeded => faults.Deadline > 0,
            RequestError.AdapterUnavailable => (faults.LoadFailure > 0 || faults.LoadHang > 0) && track.Owner.Request.Adapter is not null,
            RequestError.EngineFailed => faults.DeviceLost > 0,
            _ => false,
        };
        if (!explained || (error == RequestError.Cancelled) != (reason == FinishReason.Cancelled) || (track.Owner.Aborted && error != RequestError.SlowReader))
        {
            throw Violated($"{name} ends with {reason} and {error}, which nothing in the run explains");
        }
    }
}

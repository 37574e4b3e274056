using Serving.Core.Requests;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>Each choice of an accepted request gets exactly one terminal event and nothing after it; its tokens come in order, each once.</summary>
internal sealed class OneTerminalEvent() : Invariant("09 one terminal event")
{
    /// <inheritdoc/>
    public override void OnToken(World world, SequenceTrack track, int token, int output)
    {
        if (track.Ended || track.Closing)
        {
            throw Violated($"token {token} of {track.Owner.Request.Id.Value}.{track.Choice} after its end");
        }

        var sequence = track.Sequence!;
        if (sequence.OutputCount != track.Emitted + 1 || sequence[sequence.TokenCount - 1] != token)
        {
            throw Violated($"{track.Owner.Request.Id.Value}.{track.Choice} reports token {token} as output {sequence.OutputCount} after {track.Emitted}");
        }
    }

    /// <inheritdoc/>
    public override void OnScored(World world, SequenceTrack track, int ordinal)
    {
        if (track.Ended || track.Choice != 0 || !track.Owner.Request.ScorePrompt || ordinal != track.Scored + 1)
        {
            throw Violated($"ordinal {ordinal} of {track.Owner.Request.Id.Value}.{track.Choice} scored after {track.Scored}");
        }
    }

    /// <inheritdoc/>
    public override void OnEmbedded(World world, SequenceTrack track, int hidden)
    {
        if (track.Ended || !track.Owner.Request.EmbedPrompt)
        {
            throw Violated($"{track.Owner.Request.Id.Value}.{track.Choice} is embedded{(track.Ended ? " after its end" : ", which nobody asked for")}");
        }
    }

    /// <inheritdoc/>
    public override void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error)
    {
        if (track.Ended)
        {
            throw Violated($"{track.Owner.Request.Id.Value}.{track.Choice} ends again with {reason} after {track.Reason}");
        }
    }

    /// <inheritdoc/>
    public override void AtRest(World world)
    {
        if (world.Live.Count > 0)
        {
            throw Violated($"{world.Live.Count} requests never ended, the first is {world.Live[0].Request.Id.Value}");
        }
    }
}

using Serving.Core.Modules;
using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Runs;

/// <summary>Takes note of a plan: its trace, and the rare things it shows.</summary>
internal static class PlanNotes
{
    /// <summary>Notes a plan.</summary>
    public static void Take(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        StateNotes.Take(world, plan);
        world.Trace.Add(TraceKind.Schedule, plan.Number, plan.RowCount, plan.Pages.Length);
        foreach (ref readonly var planned in plan.Sequences)
        {
            Note(world, World.TrackOf(planned.Sequence), in planned);
        }

        foreach (var copy in plan.Copies)
        {
            world.Marks.Hit(Mark.PageCopied);
            world.Trace.Add(TraceKind.Copy, plan.Number, copy.Source.Value, (copy.Destination.Value * 256L) + copy.Tokens);
        }

        var pages = 1UL;
        foreach (var entry in plan.Pages)
        {
            pages = Mixing.Fold(pages, ((ulong)(uint)entry.Page.Value << 8) | (uint)entry.ValidLength);
        }

        foreach (var page in plan.StatePages)
        {
            pages = Mixing.Fold(pages, (ulong)(uint)page.Value);
        }

        world.Trace.Add(TraceKind.Pages, plan.Number, (long)pages);
    }

    private static void Note(World world, SequenceTrack track, in PlannedSequence planned)
    {
        var sequence = planned.Sequence;
        world.Trace.Add(TraceKind.Planned, track.Owner.Request.Id.Value, track.Choice, ((long)planned.FirstOrdinal << 16) + planned.RowCount);
        if (sequence.Module is { } module)
        {
            NoteEncoding(world, track, module);
        }
        else if (!track.Started)
        {
            track.Started = true;
            track.Owner.Started = true;
            Hit(world, Mark.PrefixHit, planned.FirstOrdinal > sequence.ImportedCount && track.Choice == 0);
            Hit(world, Mark.ModuleHit, sequence.ImportHits.Contains(true));
            Hit(world, Mark.Forked, track.Choice > 0);
        }
        else
        {
            Hit(world, Mark.Chunked, track.Preemptions == 0 && planned.FirstOrdinal < sequence.PromptCount);
        }

        Hit(world, Mark.Resumed, track.Preemptions > track.Resumptions);
        track.Resumptions = track.Preemptions;
    }

    private static void NoteEncoding(World world, SequenceTrack track, ModuleRef module)
    {
        if (track.Started)
        {
            return;
        }

        track.Started = true;
        var asker = track.Owner.Request.Id.Value;
        world.Live.Find(request => request.Request.Id.Value == asker)?.Encoded.Add(module.Key);
        Hit(world, Mark.PinnedEncoded, asker == long.MaxValue);
        Hit(world, Mark.ModuleEncodedAgain, world.EverResident.Contains(module.Key));
        var index = world.Scheduler.State.Modules.Index;
        Hit(world, Mark.ModulesCollided, index.All.Count() > index.KeyCount);
    }

    private static void Hit(World world, Mark mark, bool seen)
    {
        if (seen)
        {
            world.Marks.Hit(mark);
        }
    }
}

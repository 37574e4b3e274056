using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>The whole scheduler's invariants: every reference to a page and every pin of an adapter is someone's.</summary>
internal static class SchedulerIntegrity
{
    /// <summary>Throws for the first violated one.</summary>
    public static void Check(SchedulerState state)
    {
        state.Pool.CheckIntegrity();
        state.Economy.CheckIntegrity();
        state.Cache.CheckIntegrity();
        state.Adapters.CheckIntegrity();
        state.Modules.CheckIntegrity();
        CheckReferences(state);
        CheckPins(state);
        CheckModules(state);
        CheckRequests(state);
    }

    private static void CheckReferences(SchedulerState state)
    {
        var expected = new int[state.Pool.TotalCount];
        foreach (var running in state.Running)
        {
            Count(expected, running.Table.Pages);
            if (running.States is { } states)
            {
                Count(expected, states.Pages);
                Count(expected, states.Snapshot);
            }

            if (running.CopySource is { } source)
            {
                expected[source.Value]++;
            }
        }

        foreach (var entry in state.Adapters.Slots)
        {
            Count(expected, entry?.Lease?.Pages.ToArray() ?? []);
        }

        foreach (var entry in state.Modules.All)
        {
            Count(expected, entry.Lease?.Pages.ToArray() ?? []);
        }

        Count(expected, state.Releases.Pages.ToArray());
        for (var i = 0; i < expected.Length; i++)
        {
            var references = state.Pool.ReferencesOf(new PageId(i));
            Integrity.Require(references == expected[i], $"page {i} has {references} references and {expected[i]} holders");
        }
    }

    private static void CheckPins(SchedulerState state)
    {
        foreach (var entry in state.Adapters.Slots)
        {
            if (entry is null)
            {
                continue;
            }

            var users = state.Running.Count(running => running.Adapter == entry) + state.Releases.Pins.Count(pin => pin == entry);
            Integrity.Require(users == entry.Users, $"slot {entry.Slot} has {entry.Users} users and {users} sequences or plans that need it");
        }
    }

    private static void CheckModules(SchedulerState state)
    {
        foreach (var entry in state.Modules.All)
        {
            var users = state.Running.Sum(running => running.Imports.Count(import => import == entry)) + state.Releases.ModulePins.Count(pin => pin == entry);
            var encoders = state.Running.Count(running => running.Module == entry);
            Integrity.Require(users == entry.Users, $"a module has {entry.Users} users and {users} sequences or plans that need it");
            Integrity.Require(encoders == (entry.State == ModuleState.Encoding ? 1 : 0), $"a module that is {entry.State} is computed by {encoders} sequences");
        }

        Integrity.Require(state.Encoding == state.Running.Count(static running => running.Module is not null), "sequences that compute modules are miscounted");
    }

    private static void CheckRequests(SchedulerState state)
    {
        var (running, queued, fresh) = (0, 0, 0);
        foreach (var request in state.Requests.Values)
        {
            fresh += request.Begun ? 0 : 1;
            Integrity.Require(request.Unfinished == request.Choices.Count(choice => choice.Sequence.Status != SequenceStatus.Finished), "a request's choices are miscounted");
            foreach (var choice in request.Choices)
            {
                CheckSequence(choice, state);
                running += choice.Sequence.Status == SequenceStatus.Running ? 1 : 0;
                queued += choice.Queued ? 1 : 0;
            }
        }

        Integrity.Require(running == state.Running.Count - state.Encoding, $"{running} sequences are running, {state.Running.Count} with {state.Encoding} encodings are listed");
        Integrity.Require(queued == state.Queue.Count, $"{queued} sequences are queued, {state.Queue.Count} are counted");
        Integrity.Require(fresh == state.QueuedRequests, $"{fresh} requests wait for their first admission, {state.QueuedRequests} are counted");
    }

    private static void CheckSequence(SequenceState choice, SchedulerState state)
    {
        var sequence = choice.Sequence;
        var runs = sequence.Status == SequenceStatus.Running;
        var waitsToFork = sequence.Status == SequenceStatus.Waiting && sequence.Choice > 0 && !choice.Request.Forked;
        Integrity.Require(runs || choice.HeldPages == 0, $"a sequence that is {sequence.Status} holds pages");
        Integrity.Require(choice.States is not { IsHeld: true, IsBlank: true } || choice.Scheduled == 0, "a sequence is computed and has no state");
        Integrity.Require(choice.Queued == (sequence.Status is SequenceStatus.Waiting or SequenceStatus.Preempted && !waitsToFork), $"a sequence that is {sequence.Status} is in the wrong place");
        Integrity.Require(choice.Scheduled <= choice.Total, "a sequence is computed beyond its tokens");
        Integrity.Require(sequence.ComputedCount <= choice.Scheduled || !runs, "a sequence is computed beyond what was scheduled");
        Integrity.Require(choice.Table.TokenCapacity >= choice.Scheduled, "a sequence's pages do not hold its tokens");
        Integrity.Require(!runs || (choice.Adapter is null) == (sequence.Request.Adapter is null), "a running sequence lost its adapter");
        Integrity.Require(!runs || choice.Adapter is null or { State: AdapterState.Resident }, "a running sequence's adapter is not resident");
        Integrity.Require(state.Options.Seats >= state.Running.Count, "more sequences run than may");
    }

    private static void Count(int[] counts, ReadOnlySpan<PageId> pages)
    {
        foreach (var page in pages)
        {
            counts[page.Value]++;
        }
    }
}

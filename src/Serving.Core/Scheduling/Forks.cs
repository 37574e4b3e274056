using Serving.Core.Memory;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// n &gt; 1: once choice 0 has computed the prompt, the others take its pages. The imported modules' pages and those of which every slot lies before the last prompt token are shared; of the one that
/// holds it each choice gets a copy of the slots before it, recomputes that token and samples for itself.
/// A recurrent state before the last prompt token is in nobody's pages any more: the other choices of models with one wait in the queue.
/// </summary>
internal sealed class Forks
{
    private readonly SchedulerState _state;

    /// <summary>Forks in a scheduler.</summary>
    public Forks(SchedulerState state) => _state = state;

    /// <summary>Forks a request whose first choice has computed the prompt; a choice that finds no seat or page waits in the queue.</summary>
    public void Fork(RequestState request)
    {
        request.Forked = true;
        for (var i = 1; i < request.Choices.Length; i++)
        {
            var choice = request.Choices[i];
            if (choice.Sequence.Status == SequenceStatus.Finished)
            {
                continue;
            }

            if (_state.Options.StatePages == 0 && _state.Running.Count < _state.Options.Seats && _state.Supply.TryTake(out var page))
            {
                _state.Marks.Forked++;
                Take(choice, request.Choices[0], page);
            }
            else
            {
                _state.Marks.ForkQueued++;
                _state.Await(choice);
                _state.Queue.Return(choice);
            }
        }
    }

    private void Take(SequenceState choice, SequenceState first, PageId page)
    {
        var computed = choice.Sequence.PromptCount - 1;
        var own = computed - first.Table.HeadTokens;
        var shared = first.Table.HeadCount + (own / PagePool.SlotsPerPage);
        choice.Begin();
        for (var i = 0; i < shared; i++)
        {
            choice.Table.Take(first.Table, i);
            if (!_state.Faults.Has(PlantedBug.ForkWithoutRetain))
            {
                _state.Supply.Share(first.Table[i]);
            }
        }

        choice.Table.Add(page);
        if (own % PagePool.SlotsPerPage != 0)
        {
            choice.CopySource = first.Table[shared];
            _state.Supply.Share(first.Table[shared]);
        }

        choice.Sealed = Math.Min(own / PagePool.SlotsPerPage, first.Sealed);
        choice.Private = first.Private;
        choice.Scheduled = computed;
        choice.Sequence.ComputedCount = computed;
        if (first.Adapter is { } adapter)
        {
            choice.Adapter = adapter;
            _state.Adapters.Pin(adapter);
            _state.Adapters.Use(adapter);
        }

        choice.Imports = first.Imports;
        foreach (var import in choice.Imports)
        {
            _state.Modules.Pin(import);
        }

        _state.Run(choice);
    }
}

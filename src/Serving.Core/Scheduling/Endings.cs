using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>How a sequence ends: it leaves the queue or the running ones, its pages go back, and its one terminal event is given.</summary>
internal sealed class Endings
{
    private readonly SchedulerState _state;

    /// <summary>Endings in a scheduler.</summary>
    public Endings(SchedulerState state) => _state = state;

    /// <summary>Ends one sequence.</summary>
    public void End(SequenceState ending, FinishReason reason, int? stopToken, RequestError? error)
    {
        var request = ending.Request;
        if (error is null && !request.Forked && ending.Sequence.Choice == 0)
        {
            QueueChoices(request); // Before this one lets its adapter go: the others want it too.
        }

        if (ending.Sequence.Status == SequenceStatus.Running)
        {
            _state.Marks.EndedInFlight += ending.InFlight > 0 && error is not null ? 1 : 0;
            while (_state.Faults.Has(PlantedBug.FreeInFlight) && error is not null && ending.Table.Count > 0)
            {
                _state.Supply.Release(ending.Table.RemoveLast());
            }

            if (_state.Faults.Has(PlantedBug.FreeStateInFlight) && ending.States is { } states)
            {
                foreach (var page in states.Pages)
                {
                    _state.Supply.Release(page);
                }

                states.Forget();
            }

            _state.Stop(ending);
        }
        else if (ending.Queued)
        {
            LeaveQueue(ending);
        }

        ending.Sequence.Status = SequenceStatus.Finished;
        request.Unfinished--;
        if (request.Unfinished == 0)
        {
            _state.Requests.Remove(request.Request.Id);
        }

        _state.Sink.OnFinished(ending.Sequence, reason, stopToken, error);
    }

    /// <summary>Ends every sequence of a request that has not ended.</summary>
    public void EndRequest(RequestState request, FinishReason reason, RequestError? error)
    {
        request.Forked = true;
        foreach (var choice in request.Choices)
        {
            if (choice.Sequence.Status != SequenceStatus.Finished)
            {
                End(choice, reason, null, error);
            }
        }
    }

    /// <summary>The choices after the first have nothing to take the prompt's pages from: they wait like any other.</summary>
    private void QueueChoices(RequestState request)
    {
        request.Forked = true;
        for (var i = 1; i < request.Choices.Length; i++)
        {
            _state.Await(request.Choices[i]);
            _state.Queue.Return(request.Choices[i]);
        }
    }

    private void LeaveQueue(SequenceState ending)
    {
        _state.Queue.Remove(ending);
        if (ending.Adapter is { } adapter)
        {
            _state.Adapters.RemoveWaiter(adapter);
            ending.Adapter = null;
        }

        _state.StopWaiting(ending);
        ending.Imports = [];
        if (!ending.Request.Begun)
        {
            ending.Request.Begun = true;
            _state.QueuedRequests--;
        }
    }
}

using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>Ends requests whose time is up, waiting or running. Looks at them only when the earliest deadline has passed.</summary>
internal sealed class Deadlines
{
    private readonly SchedulerState _state;
    private readonly Endings _endings;
    private readonly List<RequestState> _expired = [];

    /// <summary>No deadline yet.</summary>
    public Deadlines(SchedulerState state, Endings endings)
    {
        _state = state;
        _endings = endings;
    }

    /// <summary>No request's time is up before this.</summary>
    public long Next { get; private set; } = long.MaxValue;

    /// <summary>A request was accepted.</summary>
    public void Add(Request request) => Next = Math.Min(Next, request.Deadline);

    /// <summary>Ends every request whose deadline has come, in the order of their numbers.</summary>
    public void Expire(long now)
    {
        if (now < Next)
        {
            return;
        }

        Next = long.MaxValue;
        foreach (var request in _state.Requests.Values)
        {
            if (request.Request.Deadline > now || (_state.Faults.Has(PlantedBug.ForgetDeadline) && !request.Begun))
            {
                Next = Math.Min(Next, request.Request.Deadline);
            }
            else
            {
                _expired.Add(request);
            }
        }

        _expired.Sort(static (left, right) => left.Request.Id.Value.CompareTo(right.Request.Id.Value));
        foreach (var request in _expired)
        {
            _state.Marks.ExpiredWaiting += request.Begun ? 0 : 1;
            _state.Marks.ExpiredRunning += request.Begun ? 1 : 0;
            _endings.EndRequest(request, FinishReason.Failed, RequestError.DeadlineExceeded);
        }

        _expired.Clear();
    }
}

using Serving.LoadTests.Measurement;
using Serving.LoadTests.Running;

namespace Serving.LoadTests.Tests.Running;

/// <summary>A server that answers nobody until the test opens its gate, and then everybody at once, with one token.</summary>
internal sealed class GateTarget : ITarget
{
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _arrived = new(0);

    /// <summary>Requests under way or over, in order of their arrival.</summary>
    public List<RequestTimeline> Requests { get; } = [];

    public void Open() => _gate.SetResult();

    /// <summary>Waits until so many more requests have arrived.</summary>
    public async Task ArrivedAsync(int count)
    {
        for (; count > 0; count--)
        {
            await _arrived.WaitAsync();
        }
    }

    public async Task SendAsync(RequestTimeline timeline, CancellationToken cancel)
    {
        lock (Requests)
        {
            Requests.Add(timeline);
        }

        _arrived.Release();
        await _gate.Task.WaitAsync(cancel);
        timeline.Prompt(timeline.Request.PromptTokens, 0);
        timeline.Tokens(1);
        timeline.Finish(RequestEnd.Ok);
    }
}

using Serving.Protocol.OpenAi;

namespace Serving.Server.Responses;

/// <summary>A response under way that nobody waits for. Thread-safe.</summary>
internal sealed class BackgroundResponse : IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Func<ModelResponse>? _now;

    /// <summary>Creates it.</summary>
    public BackgroundResponse() => Cancelled = _cancelled.Token;

    /// <summary>Set when it is to end.</summary>
    public CancellationToken Cancelled { get; }

    /// <summary>Completes when it has ended, whichever way, and is kept.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Whether it has been begun, so that a client knows of it.</summary>
    public bool HasBegun => _now is not null;

    /// <summary>It as far as it has come.</summary>
    public ModelResponse Now => _now!();

    /// <summary>It has been begun.</summary>
    /// <param name="now">Gives it as far as it has come, on any thread.</param>
    public void Begin(Func<ModelResponse> now) => _now = now;

    /// <summary>Has it end.</summary>
    public void Cancel()
    {
        try
        {
            _cancelled.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended.
        }
    }

    /// <summary>It has ended.</summary>
    public void Dispose()
    {
        _ended.TrySetResult();
        _cancelled.Dispose();
    }
}

using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace Serving.Server.Hosting;

/// <summary>
/// Writes the log on a thread of its own. A pipe that nobody reads, or a disk that does not answer, then holds up that thread and no request, nor the engine's; what does not fit the queue
/// meanwhile is lost, and counted in the log.
/// </summary>
internal sealed class BackgroundSink : ILogEventSink, IDisposable
{
    private static readonly MessageTemplate Lost = new MessageTemplateParser().Parse("{Lost} lines of the log were lost: they were not taken in time.");

    private readonly ILogEventSink _target;
    private readonly TimeSpan _patience;
    private readonly BlockingCollection<LogEvent> _events;
    private readonly Thread _thread;
    private long _lost;

    /// <summary>Starts the thread.</summary>
    /// <param name="target">Where to; disposed of with this, unless it hangs.</param>
    /// <param name="capacity">Events that wait at most.</param>
    /// <param name="patience">How long the end waits for what is still to be written.</param>
    public BackgroundSink(ILogEventSink target, int capacity, TimeSpan patience)
    {
        _target = target;
        _patience = patience;
        _events = new BlockingCollection<LogEvent>(capacity);
        _thread = new Thread(Write) { IsBackground = true, Name = "log" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        try
        {
            if (_events.TryAdd(logEvent))
            {
                return;
            }
        }
        catch (InvalidOperationException)
        {
            // The end has begun.
        }

        Interlocked.Increment(ref _lost);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _events.CompleteAdding();
        if (_thread.Join(_patience))
        {
            (_target as IDisposable)?.Dispose();
            _events.Dispose();
        }
    }

    private void Write()
    {
        foreach (var written in _events.GetConsumingEnumerable())
        {
            Write(written);
            if (Interlocked.Exchange(ref _lost, 0) is > 0 and var lost)
            {
                Write(new LogEvent(DateTimeOffset.Now, LogEventLevel.Warning, null, Lost, [new LogEventProperty("Lost", new ScalarValue(lost))]));
            }
        }
    }

    private void Write(LogEvent written)
    {
        try
        {
            _target.Emit(written);
        }
        catch (Exception)
        {
            // There is nobody left to tell, and the next line may be taken.
        }
    }
}

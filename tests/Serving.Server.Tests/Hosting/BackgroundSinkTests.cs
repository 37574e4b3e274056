using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;
using Serving.Server.Hosting;

namespace Serving.Server.Tests.Hosting;

/// <summary>A log that is not taken (a pipe that nobody reads, a disk that hangs) holds up nobody who writes to it.</summary>
public sealed class BackgroundSinkTests
{
    [Fact]
    public void Emit_TheTargetHangs_ReturnsAndWhatIsLostIsCounted()
    {
        using var target = new HangingTarget();
        using (var sink = new BackgroundSink(target, capacity: 4, Timeout.InfiniteTimeSpan))
        {
            sink.Emit(Event("0"));
            target.Entered.Wait(TestContext.Current.CancellationToken);
            for (var i = 1; i <= 10; i++)
            {
                sink.Emit(Event($"{i}"));
            }

            Assert.Empty(target.Lines);
            target.Gate.Set();
        }

        Assert.Equal(["0", "6 lines of the log were lost: they were not taken in time.", "1", "2", "3", "4"], target.Lines);
        Assert.True(target.IsDisposed);
    }

    /// <summary>The process ends although the last line is not taken.</summary>
    [Fact]
    public void Dispose_TheTargetHangs_DoesNotWaitForEver()
    {
        using var target = new HangingTarget();
        var sink = new BackgroundSink(target, capacity: 4, TimeSpan.Zero);
        sink.Emit(Event("0"));
        target.Entered.Wait(TestContext.Current.CancellationToken);
        sink.Dispose();
        sink.Emit(Event("1"));
        Assert.False(target.IsDisposed);
    }

    [Fact]
    public void Emit_TheTargetThrows_TheNextLineIsWritten()
    {
        using var target = new HangingTarget { Fails = "0" };
        target.Gate.Set();
        using (var sink = new BackgroundSink(target, capacity: 4, Timeout.InfiniteTimeSpan))
        {
            sink.Emit(Event("0"));
            sink.Emit(Event("1"));
        }

        Assert.Equal(["1"], target.Lines);
    }

    private static LogEvent Event(string text) => new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse(text), []);

    private sealed class HangingTarget : ILogEventSink, IDisposable
    {
        public ManualResetEventSlim Entered { get; } = new();

        public ManualResetEventSlim Gate { get; } = new();

        public List<string> Lines { get; } = [];

        public string? Fails { get; init; }

        public bool IsDisposed { get; private set; }

        public void Emit(LogEvent logEvent)
        {
            Entered.Set();
            Gate.Wait();
            var line = logEvent.RenderMessage(System.Globalization.CultureInfo.InvariantCulture);
            if (line == Fails)
            {
                throw new IOException("planted");
            }

            Lines.Add(line);
        }

        public void Dispose()
        {
            IsDisposed = true;
            Gate.Set(); // A thread that was left hanging ends.
        }
    }
}

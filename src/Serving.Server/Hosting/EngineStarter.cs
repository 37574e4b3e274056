using Serving.Engine;
using Serving.Engine.Hosting;
using Spectre.Console;

namespace Serving.Server.Hosting;

/// <summary>Starts the real engine on a thread of its own, with a progress bar where there is a terminal.</summary>
internal sealed class EngineStarter(IAnsiConsole console, TimeProvider time, Serilog.ILogger log) : IEngineStarter
{
    /// <inheritdoc/>
    public async Task<StartedEngine> StartAsync(EngineOptions options, CancellationToken cancellationToken)
    {
        var engine = console.Profile.Out.IsTerminal
            ? await console.Progress().HideCompleted(true).AutoClear(true).StartAsync(context => StartAsync(options, new Bars(context)))
            : await StartAsync(options, progress: null);
        return new StartedEngine(engine.Client, engine.Ended, engine);
    }

    private Task<ServingEngine> StartAsync(EngineOptions options, IProgress<EngineProgress>? progress) => Task.Factory.StartNew(
        () => ServingEngine.Start(options, time, notice => log.Information("{Notice:l}", notice), progress, (what, exception) => log.Error(exception, "{What:l}", what)),
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    /// <summary>One bar per stage.</summary>
    private sealed class Bars(ProgressContext context) : IProgress<EngineProgress>
    {
        private readonly Dictionary<string, ProgressTask> _bars = [];

        public void Report(EngineProgress value)
        {
            lock (_bars)
            {
                if (!_bars.TryGetValue(value.Stage, out var bar))
                {
                    _bars[value.Stage] = bar = context.AddTask(Markup.Escape(value.Stage));
                }

                bar.MaxValue = Math.Max(1, value.TotalBytes);
                bar.Value = value.DoneBytes;
            }
        }
    }
}

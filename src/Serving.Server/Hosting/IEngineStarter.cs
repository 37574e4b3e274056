using Serving.Engine;

namespace Serving.Server.Hosting;

/// <summary>A started engine.</summary>
/// <param name="Client">Its door.</param>
/// <param name="Ended">Completes when it has ended; faulted when it failed and the process must be replaced.</param>
/// <param name="Lifetime">Stops it and gives its memory back.</param>
internal sealed record StartedEngine(IEngineClient Client, Task Ended, IAsyncDisposable Lifetime);

/// <summary>Starts the engine. The tests start a scripted one.</summary>
internal interface IEngineStarter
{
    /// <summary>Loads the model. A failure whose message is for a person is an <see cref="EngineStartException"/>.</summary>
    Task<StartedEngine> StartAsync(EngineOptions options, CancellationToken cancellationToken);
}

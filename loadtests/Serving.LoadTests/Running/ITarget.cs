using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Running;

/// <summary>Whom requests are sent to.</summary>
internal interface ITarget
{
    /// <summary>Sends a request and tells its timeline what happens, to its end; a failure of the request is no exception here, being cancelled is.</summary>
    Task SendAsync(RequestTimeline timeline, CancellationToken cancel);
}

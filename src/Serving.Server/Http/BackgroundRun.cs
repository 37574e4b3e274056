using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;
using Serving.Server.Responses;

namespace Serving.Server.Http;

/// <summary>Brings a response to its end that nobody waits for, and keeps what comes of it.</summary>
/// <param name="submission">Its request, which this ends.</param>
/// <param name="builder">Makes it.</param>
/// <param name="keeping">Keeps it.</param>
/// <param name="logger">Told what nobody foresaw.</param>
internal sealed partial class BackgroundRun(Submission submission, ResponseBuilder builder, ResponseKeeping keeping, ILogger logger)
{
    private readonly Lock _lock = new();
    private ModelResponse? _last;
    private bool _hasBegun;

    /// <summary>The response as far as it has come.</summary>
    public ModelResponse Now
    {
        get
        {
            lock (_lock)
            {
                return _last ?? builder.Snapshot(_hasBegun ? "in_progress" : "queued");
            }
        }
    }

    /// <summary>Runs it to its end, and gives its place back; never throws.</summary>
    public async Task RunAsync(BackgroundResponses responses, TenantId tenant, string id, BackgroundResponse place)
    {
        try
        {
            await ReadAsync(place.Cancelled);
        }
        catch (Exception exception)
        {
            LogFailed(logger, exception);
            End(Failures.Of(RequestError.Internal), isCancelled: false);
        }
        finally
        {
            responses.End(tenant, id);
        }
    }

    private async Task ReadAsync(CancellationToken cancelled)
    {
        await using (submission)
        {
            submission.AnswerWhole();
            try
            {
                await foreach (var happened in submission.ReadAllAsync(cancelled))
                {
                    if (TerminalFailure.Of(happened.Event) is { } failure)
                    {
                        End(failure, cancelled.IsCancellationRequested);
                        return;
                    }

                    lock (_lock)
                    {
                        _hasBegun = true;
                        builder.Take(happened.Event);
                    }
                }
            }
            catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
            {
                End(Failures.Of(RequestError.Cancelled), isCancelled: true);
                return;
            }

            lock (_lock)
            {
                _last = builder.Build(AnswerFormat.Total(submission.Usage));
            }

            submission.OnAnswered();
        }
    }

    private void End(RequestFailure failure, bool isCancelled)
    {
        lock (_lock)
        {
            _last = isCancelled ? builder.Snapshot("cancelled") : builder.Failed(builder.Rename(failure));
            keeping.Keep(_last);
        }
    }

    [LoggerMessage(EventId = 231, Level = LogLevel.Error, Message = "A response in the background failed for a reason that is not foreseen.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}

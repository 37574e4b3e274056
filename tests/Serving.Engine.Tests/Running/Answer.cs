using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Engine.Tests.Running;

/// <summary>All that a client sees of one choice: what must not depend on anything but the request.</summary>
/// <param name="Text">Text, with the echoed prompt if there is one.</param>
/// <param name="Tokens">Ids of the events.</param>
/// <param name="LogprobBits">Every logprob, bit for bit, with its token: chosen ones and alternatives; and the embedding's elements.</param>
/// <param name="Reason">Finish reason.</param>
/// <param name="Stop">Stop reason.</param>
/// <param name="Failure">Failure, if it ended in one.</param>
public sealed record Answer(string Text, string Tokens, string LogprobBits, FinishReason? Reason, object? Stop, RequestFailure? Failure)
{
    /// <summary>Reads a stream to its end, one answer per choice.</summary>
    public static async Task<IReadOnlyList<Answer>> ReadAsync(GenerationStream stream, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var events = Enumerable.Range(0, stream.Choices).Select(_ => new List<GenerationEvent>()).ToArray();
        await foreach (var generated in stream.ReadAllAsync(cancellationToken))
        {
            events[generated.Choice].Add(generated);
        }

        return [.. events.Select(Of)];
    }

    private static Answer Of(List<GenerationEvent> events)
    {
        var logprobs = events.Where(item => item.Logprobs is not null).SelectMany(item => item.Logprobs!);
        return new Answer(
            string.Concat(events.Select(item => item.Text)),
            string.Join(' ', events.SelectMany(item => item.Tokens)),
            string.Join(' ', logprobs.SelectMany(item => item.Top.Prepend(item)).Select(Bits).Concat((events[^1].Embedding ?? []).Select(element => BitConverter.SingleToInt32Bits(element).ToString("x8")))),
            events[^1].FinishReason,
            events[^1].StopReason,
            events[^1].Failure);
    }

    private static string Bits(TokenLogprob logprob) =>
        $"{logprob.Token}:{(logprob.Logprob is { } value ? BitConverter.SingleToInt32Bits(value).ToString("x8") : "none")}";
}

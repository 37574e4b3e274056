using Serving.Engine.Channels;

namespace Serving.Engine.Execution;

/// <summary>Reads answers whose thoughts, content and calls are messages in channels. Stop strings are looked for in content.</summary>
/// <param name="channels">Tells the messages apart.</param>
/// <param name="stops">Stop strings.</param>
internal sealed class ChannelAnswerReader(ChannelParser channels, AnswerStops stops) : AnswerReader
{
    /// <inheritdoc/>
    public override bool IsThinking => channels.IsThinking;

    /// <inheritdoc/>
    public override bool IsUndecided => channels.IsUndecided;

    /// <inheritdoc/>
    public override int Calls => channels.Calls;

    /// <inheritdoc/>
    public override bool IsDone => channels.IsDone;

    /// <inheritdoc/>
    public override AnswerPart Append(string text) => Certain(channels.Append(text), isEnd: false);

    /// <inheritdoc/>
    public override AnswerPart Flush(string rest) => stops.Matched is null ? Certain(channels.Flush(rest), isEnd: true) : AnswerPart.Empty;

    // What was held back before a call stands before it.
    private AnswerPart Certain(ChannelOutput output, bool isEnd)
    {
        var text = isEnd || output.Calls.Count > 0 ? stops.Flush(output.Text) : stops.Append(output.Text);
        return new AnswerPart(output.Thoughts, text, stops.Matched is null ? output.Calls : []);
    }
}

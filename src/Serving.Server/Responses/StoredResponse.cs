namespace Serving.Server.Responses;

/// <summary>A response that is kept: what was asked and answered, as JSON, and the response that it goes on from.</summary>
/// <param name="id">Its id.</param>
/// <param name="previous">The response before it in the conversation, which is held as long as this one.</param>
/// <param name="input">The request's items: a list.</param>
/// <param name="output">The answer's items: a list.</param>
/// <param name="answer">The whole answer.</param>
internal sealed class StoredResponse(string id, StoredResponse? previous, byte[] input, byte[] output, byte[] answer) : StoredEntry(id, input.Length + output.Length + (long)answer.Length)
{
    /// <summary>The response before it; null where the conversation begins.</summary>
    public StoredResponse? Previous => previous;

    /// <inheritdoc/>
    public override StoredEntry? Held => previous;

    /// <summary>The request's items.</summary>
    public byte[] Input => input;

    /// <summary>The answer's items.</summary>
    public byte[] Output => output;

    /// <summary>The whole answer.</summary>
    public byte[] Answer => answer;

    /// <summary>What a client that keeps the conversation itself would send of it: the items up to here.</summary>
    public long ConversationBytes { get; } = (previous?.ConversationBytes ?? 0) + input.Length + output.Length;

    /// <summary>The conversation up to this response, from its beginning.</summary>
    public IReadOnlyList<StoredResponse> Conversation()
    {
        var all = new List<StoredResponse>();
        for (var response = this; response is not null; response = response.Previous)
        {
            all.Add(response);
        }

        all.Reverse();
        return all;
    }
}

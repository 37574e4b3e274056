using System.Text.Json;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>What becomes of a response: whether it is kept, and which conversation it is part of.</summary>
/// <param name="history">What it goes on from.</param>
/// <param name="input">The request's own items.</param>
/// <param name="isKept">Whether it is kept.</param>
/// <param name="isBackground">Whether nobody waits for it.</param>
internal sealed class ResponseKeeping(ResponseHistory history, IReadOnlyList<JsonElement> input, bool isKept, bool isBackground)
{
    /// <summary>Whether it is kept.</summary>
    public bool IsKept => isKept;

    /// <summary>Whether nobody waits for it.</summary>
    public bool IsBackground => isBackground;

    /// <summary>The conversation that it is part of.</summary>
    public ConversationReference? Conversation => history.Conversation is { } id ? new ConversationReference(id) : null;

    /// <summary>Takes the response, before a client is told that it is complete.</summary>
    public void OnComplete(ModelResponse response)
    {
        history.Join(input, response);
        Keep(response);
    }

    /// <summary>Keeps the response as it is.</summary>
    public void Keep(ModelResponse response)
    {
        if (isKept)
        {
            history.Keep(input, response);
        }
    }
}

using System.Buffers;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Responses;

namespace Serving.Server.Http;

/// <summary>What a response goes on from: the response that it names as the one before it, or a conversation, and items that it refers to by their ids. Of the same tenant's, all of them.</summary>
/// <param name="store">Responses that are kept.</param>
/// <param name="tenant">Whose.</param>
/// <param name="maxBytes">Longest conversation: as long as one that a client keeps itself and sends.</param>
internal sealed class ResponseHistory(ResponseStore store, TenantId tenant, long maxBytes)
{
    private const string ConversationField = "conversation";

    private StoredResponse? _previous;
    private StoredConversation? _conversation;

    /// <summary>The field that names what comes before a request's own items.</summary>
    public string Field => _conversation is null ? "previous_response_id" : ConversationField;

    /// <summary>The id of the conversation that the response becomes part of; null for none.</summary>
    public string? Conversation => _conversation?.Id;

    /// <summary>The items before a request's own.</summary>
    /// <param name="body">The request.</param>
    public (IReadOnlyList<JsonElement> Items, RequestFailure? Failure) Begin(ResponseRequest body) => body.Conversation switch
    {
        null or { ValueKind: JsonValueKind.Null } => body.PreviousResponseId is { } previous ? Behind(previous) : ([], null),
        _ when body.PreviousResponseId is not null => ([], new RequestFailure(RequestError.InvalidRequest, $"previous_response_id: not together with {ConversationField}.", "previous_response_id")),
        _ when !store.IsOn => ([], Off(ConversationField)),
        { ValueKind: JsonValueKind.String } id when JsonStrings.AreText(id) => In(id.GetString()!),
        { ValueKind: JsonValueKind.Object } named when named.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String && JsonStrings.AreText(id) => In(id.GetString()!),
        _ => ([], new RequestFailure(RequestError.InvalidRequest, $"{ConversationField}: is an id, or an object with one.", ConversationField)),
    };

    private (IReadOnlyList<JsonElement> Items, RequestFailure? Failure) In(string id)
    {
        if (!store.TryGet(tenant, id, out _conversation))
        {
            return ([], Missing($"Conversation with id '{JsonBody.Echo(id)}' not found.", ConversationField));
        }

        return _conversation.ConversationBytes > maxBytes ? ([], TooLong(ConversationField)) : ([.. _conversation.Items.Select(ConversationItems.Read).Where(IsNoBrokenCall)], null);
    }

    private (IReadOnlyList<JsonElement> Items, RequestFailure? Failure) Behind(string previous)
    {
        const string Field = "previous_response_id";
        if (!store.IsOn)
        {
            return ([], Off(Field));
        }

        if (!store.TryGet(tenant, previous, out _previous))
        {
            return ([], Missing($"Previous response with id '{JsonBody.Echo(previous)}' not found.", Field));
        }

        return _previous.ConversationBytes > maxBytes
            ? ([], TooLong(Field))
            : ([.. _previous.Conversation().SelectMany(static response => Items(response.Input).Concat(Items(response.Output).Where(IsNoBrokenCall)))], null);
    }

    /// <summary>An item that a request refers to: one of an answer.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="field">Its place.</param>
    public (JsonElement Item, RequestFailure? Failure) Resolve(JsonElement reference, string field)
    {
        if (!store.IsOn)
        {
            return (default, Off(field + ".type"));
        }

        if (!reference.TryGetProperty("id", out var given) || given.ValueKind != JsonValueKind.String)
        {
            return (default, new RequestFailure(RequestError.InvalidRequest, $"{field}.id: is a string.", field + ".id"));
        }

        var id = given.GetString()!;
        if (_conversation?.Items.FirstOrDefault(item => item.Id == id) is { } own)
        {
            return (ConversationItems.Read(own), null);
        }

        foreach (var item in ResponseIds.ResponseOf(id) is { } response && store.TryGet(tenant, response, out var stored) ? Items(stored.Output) : [])
        {
            if (KnownFields.IsText(item.GetProperty("id"), id))
            {
                return (item, null);
            }
        }

        return (default, Missing($"Item with id '{JsonBody.Echo(id)}' not found. Items are kept with their response, for a time; \"store\": false has a client send them whole.", field));
    }

    /// <summary>Adds a response to its conversation, if it is part of one that is still there.</summary>
    /// <param name="input">The request's own items.</param>
    /// <param name="response">The answer.</param>
    public void Join(IReadOnlyList<JsonElement> input, ModelResponse response)
    {
        if (_conversation is { } joined)
        {
            var output = JsonSerializer.SerializeToElement(response.Output, OpenAiJson.Wire.IReadOnlyListResponseItem);
            store.Update(tenant, joined.Id, conversation => conversation.With(ConversationItems.Append(conversation.Items, [.. input, .. output.EnumerateArray()])));
        }
    }

    /// <summary>Keeps a response.</summary>
    /// <param name="input">The request's own items.</param>
    /// <param name="response">The answer.</param>
    public void Keep(IReadOnlyList<JsonElement> input, ModelResponse response) => store.Add(tenant, new StoredResponse(
        response.Id,
        _previous,
        Write(input),
        JsonSerializer.SerializeToUtf8Bytes(response.Output, OpenAiJson.Wire.IReadOnlyListResponseItem),
        JsonSerializer.SerializeToUtf8Bytes(response, OpenAiJson.Wire.ModelResponse)));

    private static byte[] Write(IReadOnlyList<JsonElement> items)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var item in items)
            {
                item.WriteTo(json);
            }

            json.WriteEndArray();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static IEnumerable<JsonElement> Items(byte[] list)
    {
        var reader = new Utf8JsonReader(list);
        return JsonElement.ParseValue(ref reader).EnumerateArray();
    }

    /// <summary>The failure of a field that needs responses to be kept, where none are.</summary>
    public static RequestFailure Off(string field) =>
        new(RequestError.NotSupported, $"{field}: responses are not kept by this server (server.response_store_size is 0).", field);

    // A call that breaks off has no arguments that could be shown, and will have no result.
    private static bool IsNoBrokenCall(JsonElement item) => !(KnownFields.IsText(item.GetProperty("type"), "function_call", "custom_tool_call") && KnownFields.IsText(item.GetProperty("status"), "incomplete"));

    private static RequestFailure TooLong(string field) => new(RequestError.ContextTooLong, $"{field}: the conversation is longer than server.max_body_size.", field);

    private static RequestFailure Missing(string message, string field) => new(RequestError.ResponseNotFound, message, field);
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/conversations</c>, and of <c>POST /v1/conversations/{id}</c>, which takes metadata alone.</summary>
public sealed record ConversationRequest : IRequestBody
{
    /// <summary>What it begins with: items as a response's input has them, at most 20.</summary>
    public JsonElement? Items { get; init; }

    /// <summary>Labels, which come back with it.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Body of <c>POST /v1/conversations/{id}/items</c>.</summary>
public sealed record ConversationItemsRequest : IRequestBody
{
    /// <summary>The items to add, at most 20.</summary>
    public JsonElement? Items { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>A conversation.</summary>
/// <param name="Id">"conv_" and random digits.</param>
/// <param name="CreatedAt">Unix seconds.</param>
/// <param name="Metadata">Its labels.</param>
public sealed record ConversationCard(string Id, long CreatedAt, JsonElement Metadata)
{
    /// <summary>Always "conversation".</summary>
    public string Object { get; } = "conversation";
}

/// <summary>The conversation that a response is part of.</summary>
/// <param name="Id">Its id.</param>
public sealed record ConversationReference(string Id);

/// <summary>Answer of <c>DELETE /v1/conversations/{id}</c>.</summary>
/// <param name="Id">Its id.</param>
public sealed record ConversationDeleted(string Id)
{
    /// <summary>Always "conversation.deleted".</summary>
    public string Object { get; } = "conversation.deleted";

    /// <summary>Always true.</summary>
    public bool Deleted { get; } = true;
}

/// <summary>Items of a conversation.</summary>
/// <param name="Data">The items.</param>
/// <param name="FirstId">The first one's id; null where there are none.</param>
/// <param name="LastId">The last one's.</param>
/// <param name="HasMore">Whether there are more behind the last.</param>
public sealed record ConversationItemList(
    IReadOnlyList<JsonElement> Data,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FirstId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? LastId,
    bool HasMore)
{
    /// <summary>Always "list".</summary>
    public string Object { get; } = "list";
}

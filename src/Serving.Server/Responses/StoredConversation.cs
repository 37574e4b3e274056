namespace Serving.Server.Responses;

/// <summary>An item of a conversation.</summary>
/// <param name="Id">Its id, of which there is one in the conversation.</param>
/// <param name="Json">The item, with its id.</param>
internal sealed record StoredItem(string Id, byte[] Json);

/// <summary>A conversation that is kept, as it is at one time: one that changes is kept in its place. Immutable.</summary>
/// <param name="id">Its id.</param>
/// <param name="createdAt">Unix seconds.</param>
/// <param name="metadata">Its labels, as JSON.</param>
/// <param name="items">Its items, in order.</param>
internal sealed class StoredConversation(string id, long createdAt, byte[] metadata, IReadOnlyList<StoredItem> items)
    : StoredEntry(id, metadata.Length + items.Sum(static item => ItemOverhead + (sizeof(char) * (long)item.Id.Length) + item.Json.Length))
{
    // An object, two arrays' heads and a place in a list.
    private const int ItemOverhead = 128;

    /// <summary>Unix seconds.</summary>
    public long CreatedAt => createdAt;

    /// <summary>Its labels, as JSON.</summary>
    public byte[] Metadata => metadata;

    /// <summary>Its items, in order.</summary>
    public IReadOnlyList<StoredItem> Items => items;

    /// <summary>What a client that keeps it itself would send of it.</summary>
    public long ConversationBytes { get; } = items.Sum(static item => (long)item.Json.Length);

    /// <summary>The same with other labels.</summary>
    public StoredConversation With(byte[] labels) => new(Id, createdAt, labels, items);

    /// <summary>The same with other items.</summary>
    public StoredConversation With(IReadOnlyList<StoredItem> others) => new(Id, createdAt, metadata, others);
}

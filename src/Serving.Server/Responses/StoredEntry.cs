namespace Serving.Server.Responses;

/// <summary>What a <see cref="ResponseStore"/> keeps: a response, or a conversation.</summary>
/// <param name="id">Its id.</param>
/// <param name="bytes">Bytes of what it holds.</param>
internal abstract class StoredEntry(string id, long bytes)
{
    // Objects, a place in a dictionary and one in a list.
    private const int Overhead = 512;

    /// <summary>Its id.</summary>
    public string Id => id;

    /// <summary>What it takes of memory by itself.</summary>
    public long Bytes { get; } = Overhead + (sizeof(char) * id.Length) + bytes;

    /// <summary>What it holds as long as it is there; null for nothing.</summary>
    public virtual StoredEntry? Held => null;

    /// <summary>By how many it is held: the store, and the responses that go on from it. The store's affair.</summary>
    public int Holders { get; set; }

    /// <summary>When it was last used, in the store's own time.</summary>
    public long UsedAt { get; set; }
}

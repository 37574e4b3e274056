namespace Serving.Engine.Loading.Adapters;

/// <summary>An adapter that a caller may use, by whose it is and what it is called.</summary>
/// <param name="Owner">The tenant it belongs to; null when it is shared by all.</param>
/// <param name="Name">Its bare name.</param>
public readonly record struct AdapterHandle(string? Owner, string Name)
{
    /// <summary>"owner/name", or the name of a shared one: for admins and metrics only.</summary>
    public override string ToString() => Owner is null ? Name : $"{Owner}/{Name}";
}

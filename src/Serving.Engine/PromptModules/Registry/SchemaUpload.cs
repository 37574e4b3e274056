namespace Serving.Engine.PromptModules.Registry;

/// <summary>A schema as somebody puts it, in one of its two languages.</summary>
public sealed record SchemaUpload
{
    /// <summary>Its source as PML, or null.</summary>
    public string? Pml { get; init; }

    /// <summary>Its source as JSON, or null.</summary>
    public string? Json { get; init; }

    /// <summary>Models under which its modules are to be kept encoded.</summary>
    public IReadOnlyList<string> Pin { get; init; } = [];

    /// <summary>How long it is to stay; null is for ever.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Whether all tenants may use it, and share its encoded modules.</summary>
    public bool IsPublic { get; init; }
}

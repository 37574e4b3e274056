using Serving.Engine.PromptModules.Compiling;

namespace Serving.Engine.PromptModules.Registry;

/// <summary>A schema that requests can name.</summary>
public sealed record StoredSchema
{
    private const int LeastSize = 4096;

    /// <summary>What it is.</summary>
    public required CompiledSchema Compiled { get; init; }

    /// <summary>The tenant that it belongs to; null when an admin made it public.</summary>
    public required string? Owner { get; init; }

    /// <summary>When it was put.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When it goes away by itself; null is never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Models (the base, adapters) under which its modules are kept encoded.</summary>
    public IReadOnlyList<string> Pin { get; init; } = [];

    /// <summary>Characters of its source.</summary>
    public required long SourceLength { get; init; }

    /// <summary>What counts against its owner's limit: its source, or what any schema costs beside that.</summary>
    public long Size => Math.Max(SourceLength, LeastSize);

    /// <summary>Its name.</summary>
    public string Name => Compiled.Schema.Name;

    /// <summary>Whether its time has come.</summary>
    public bool IsExpired(DateTimeOffset now) => ExpiresAt <= now;
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/prompt_schemas</c>: the schema in one of its two languages, and how it is kept.</summary>
public sealed record PromptSchemaRequest : IRequestBody
{
    /// <summary>The schema as JSON: name, content, scaffolds.</summary>
    public JsonElement? Schema { get; init; }

    /// <summary>The schema as PML.</summary>
    public string? Pml { get; init; }

    /// <summary>Models (the base, adapters) under which its modules are kept encoded.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Pin { get; init; }

    /// <summary>Seconds that it stays; not given is for ever.</summary>
    public long? Ttl { get; init; }

    /// <summary>Whether all tenants may use it; for admins.</summary>
    public bool? Public { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>The prompt schemas that the caller may use.</summary>
/// <param name="Data">By name.</param>
public sealed record PromptSchemaList(IReadOnlyList<PromptSchemaCard> Data)
{
    /// <summary>Always "list".</summary>
    public string Object { get; } = "list";
}

/// <summary>A prompt schema.</summary>
public sealed record PromptSchemaCard
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    /// <summary>Always "prompt_schema".</summary>
    public string Object { get; } = "prompt_schema";

    /// <summary>SHA-256 of what it means.</summary>
    public required string Version { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>Unix seconds at which it goes away by itself.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>Whether it is everyone's.</summary>
    public required bool Public { get; init; }

    /// <summary>Models under which its modules are kept encoded.</summary>
    public required IReadOnlyList<string> Pin { get; init; }

    /// <summary>Positions that it takes: a request's new text begins at this one.</summary>
    public required int Length { get; init; }

    /// <summary>Tokens of all its text.</summary>
    public required int Tokens { get; init; }

    /// <summary>Its modules in order.</summary>
    public required IReadOnlyList<PromptModuleCard> Modules { get; init; }

    /// <summary>The schema as JSON, when one is asked for by name.</summary>
    public JsonElement? Schema { get; init; }
}

/// <summary>A module of a prompt schema.</summary>
public sealed record PromptModuleCard
{
    /// <summary>Its path: names from the outermost module in, joined by slashes.</summary>
    public required string Name { get; init; }

    /// <summary>Its first position.</summary>
    public required int Start { get; init; }

    /// <summary>Positions that it takes.</summary>
    public required int Length { get; init; }

    /// <summary>Which union of the schema it is a member of.</summary>
    public int? Union { get; init; }

    /// <summary>Its parameters.</summary>
    public required IReadOnlyList<PromptParameterCard> Parameters { get; init; }
}

/// <summary>A parameter of a module.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Tokens that an argument may have.</param>
public sealed record PromptParameterCard(string Name, int Length);

/// <summary>Answer of <c>DELETE /v1/prompt_schemas/{id}</c>.</summary>
/// <param name="Id">Its name.</param>
public sealed record PromptSchemaDeleted(string Id)
{
    /// <summary>Always "prompt_schema".</summary>
    public string Object { get; } = "prompt_schema";

    /// <summary>Always true.</summary>
    public bool Deleted { get; } = true;
}

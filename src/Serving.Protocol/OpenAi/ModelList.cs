using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Answer of <c>GET /v1/models</c>.</summary>
/// <param name="Data">The models that the caller may use.</param>
public sealed record ModelList(IReadOnlyList<ModelCard> Data)
{
    /// <summary>Always "list".</summary>
    public string Object { get; } = "list";
}

/// <summary>A model that can be named in a request.</summary>
public sealed record ModelCard
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    /// <summary>Always "model".</summary>
    public string Object { get; } = "model";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>Who serves it.</summary>
    public string OwnedBy { get; } = "serving";

    /// <summary>What it was made from.</summary>
    public required string Root { get; init; }

    /// <summary>An adapter's base; null for the base.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Parent { get; init; }

    /// <summary>Longest context in tokens; null for an adapter, whose base has it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public int? MaxModelLen { get; init; }

    /// <summary>What may be done with it.</summary>
    public required IReadOnlyList<ModelPermission> Permission { get; init; }
}

/// <summary>What may be done with a model; the same for all.</summary>
public sealed record ModelPermission
{
    /// <summary>"modelperm-" and a stable id.</summary>
    public required string Id { get; init; }

    /// <summary>Always "model_permission".</summary>
    public string Object { get; } = "model_permission";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>Always false.</summary>
    public bool AllowCreateEngine { get; }

    /// <summary>Always true.</summary>
    public bool AllowSampling { get; } = true;

    /// <summary>Always true.</summary>
    public bool AllowLogprobs { get; } = true;

    /// <summary>Always false.</summary>
    public bool AllowSearchIndices { get; }

    /// <summary>Always true.</summary>
    public bool AllowView { get; } = true;

    /// <summary>Always false.</summary>
    public bool AllowFineTuning { get; }

    /// <summary>Always "*".</summary>
    public string Organization { get; } = "*";

    /// <summary>Always null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Group { get; }

    /// <summary>Always false.</summary>
    public bool IsBlocking { get; }
}

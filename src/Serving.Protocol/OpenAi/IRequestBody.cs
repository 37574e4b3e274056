using System.Text.Json;

namespace Serving.Protocol.OpenAi;

/// <summary>A body that keeps the fields that its type does not declare.</summary>
public interface IRequestBody
{
    /// <summary>Those fields.</summary>
    Dictionary<string, JsonElement>? Others { get; }
}

using System.Text.Json.Serialization.Metadata;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>A whole response.</summary>
internal sealed class WholeResponse(ResponseBuilder builder) : IAnswerFormat<ModelResponse>
{
    /// <inheritdoc/>
    public JsonTypeInfo<ModelResponse> Type => OpenAiJson.Wire.ModelResponse;

    /// <inheritdoc/>
    public void Add(IndexedEvent happened) => builder.Take(happened.Event);

    /// <inheritdoc/>
    public ModelResponse Build(UsageInfo usage) => builder.Build(usage);
}

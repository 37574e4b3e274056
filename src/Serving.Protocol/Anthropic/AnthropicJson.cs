using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Protocol.OpenAi;

namespace Serving.Protocol.Anthropic;

/// <summary>How these wire types are read and written: as OpenAI's are.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(FiniteSingleConverter)])]
[JsonSerializable(typeof(MessageRequest))]
[JsonSerializable(typeof(MessageAnswer))]
[JsonSerializable(typeof(MessageEvent))]
[JsonSerializable(typeof(MessageTokensCount))]
[JsonSerializable(typeof(MessageFailure))]
[JsonSerializable(typeof(ModelPage))]
[JsonSerializable(typeof(ModelInfo))]
public sealed partial class AnthropicJson : JsonSerializerContext
{
    /// <summary>The context in use: characters beyond ASCII are written as they are.</summary>
    public static AnthropicJson Wire => WireContext.Context;

    // A type of its own, so that the generated defaults are there before the options are copied from them.
    private static class WireContext
    {
        public static readonly AnthropicJson Context = new(new JsonSerializerOptions(Default.Options!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>How the wire types are read and written: snake_case, strict types, no duplicate keys, at most 32 levels.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(FiniteSingleConverter)])]
[JsonSerializable(typeof(ChatCompletionRequest))]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatCompletionChunk))]
[JsonSerializable(typeof(CompletionRequest))]
[JsonSerializable(typeof(TextCompletion))]
[JsonSerializable(typeof(ResponseRequest))]
[JsonSerializable(typeof(ModelResponse))]
[JsonSerializable(typeof(IReadOnlyList<ResponseItem>))]
[JsonSerializable(typeof(ResponseDeleted))]
[JsonSerializable(typeof(ConversationRequest))]
[JsonSerializable(typeof(ConversationItemsRequest))]
[JsonSerializable(typeof(ConversationCard))]
[JsonSerializable(typeof(ConversationDeleted))]
[JsonSerializable(typeof(ConversationItemList))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(EmbeddingRequest))]
[JsonSerializable(typeof(EmbeddingList))]
[JsonSerializable(typeof(ScoreRequest))]
[JsonSerializable(typeof(ScoreList))]
[JsonSerializable(typeof(RerankRequest))]
[JsonSerializable(typeof(RerankList))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelCard))]
[JsonSerializable(typeof(TokenizeRequest))]
[JsonSerializable(typeof(TokenizeResponse))]
[JsonSerializable(typeof(DetokenizeRequest))]
[JsonSerializable(typeof(DetokenizeResponse))]
[JsonSerializable(typeof(LoadAdapterRequest))]
[JsonSerializable(typeof(UnloadAdapterRequest))]
[JsonSerializable(typeof(PromptSchemaRequest))]
[JsonSerializable(typeof(PromptSchemaCard))]
[JsonSerializable(typeof(PromptSchemaList))]
[JsonSerializable(typeof(PromptSchemaDeleted))]
[JsonSerializable(typeof(ServerStatus))]
public sealed partial class OpenAiJson : JsonSerializerContext
{
    /// <summary>
    /// The context in use. Answers are JSON bodies, never parts of a page, so characters beyond ASCII are written as they are.
    /// </summary>
    public static OpenAiJson Wire => WireContext.Context;

    // A type of its own, so that the generated defaults are there before the options are copied from them.
    private static class WireContext
    {
        public static readonly OpenAiJson Context = new(new JsonSerializerOptions(Default.Options!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}

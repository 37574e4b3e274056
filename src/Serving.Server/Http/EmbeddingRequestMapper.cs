using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns the body of a request to embed into what its inputs have in common. Ranges are checked by the engine.</summary>
internal static class EmbeddingRequestMapper
{
    private const string Base64 = "base64";

    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Common, IReadOnlyList<GenerationPrompt> Inputs, RequestFailure? Failure) Map(EmbeddingRequest body, GenerationRequest blank)
    {
        var failure = body.Input is null ? Invalid("input", "is missing")
            : body.EncodingFormat is not (null or "float" or Base64) ? Invalid("encoding_format", "float or base64 is expected")
            : UserField.Check(body.User);
        return failure is not null ? (null, [], failure) : (
            blank with
            {
                Model = body.Model ?? blank.Model,
                MaxTokens = 0,
                PromptField = "input",
                Embedding = new EmbeddingOptions(body.Dimensions, body.Normalize ?? true),
                Priority = body.Priority ?? 0,
            },
            [.. body.Input!.Items.Select(item => (GenerationPrompt)(item.Text is { } text ? new TextPrompt(text) : new TokenPrompt(item.Tokens!)))],
            null);
    }

    /// <summary>The answer.</summary>
    public static EmbeddingList Map(EmbeddingBatch batch, string? encodingFormat)
    {
        var usage = batch.Usage;
        return new EmbeddingList
        {
            Data = [.. batch.Embeddings.Select((elements, index) => new EmbeddingEntry { Index = index, Embedding = new EmbeddingVector(elements, encodingFormat == Base64) })],
            Model = batch.Model,
            Usage = new EmbeddingUsage(usage.PromptTokens, usage.PromptTokens, new PromptTokensDetails(usage.CachedTokens)),
        };
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}.", field);
}

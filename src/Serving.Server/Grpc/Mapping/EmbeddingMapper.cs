using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using InputCase = Serving.Protocol.V1.EmbeddingInput.InputOneofCase;

namespace Serving.Server.Grpc.Mapping;

/// <summary>What is embedded, and what came of it.</summary>
internal static class EmbeddingMapper
{
    /// <summary>Maps a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    public static (GenerationRequest? Common, IReadOnlyList<GenerationPrompt> Inputs, RequestFailure? Failure) Map(EmbedRequest message, GenerationRequest blank)
    {
        var failure = UserField.Check(message.User)
            ?? (message.Inputs.Any(input => input.InputCase == InputCase.None) ? new RequestFailure(RequestError.InvalidRequest, "inputs: an input is empty: text or token_ids.", "inputs") : null);
        return failure is not null ? (null, [], failure) : (
            blank with
            {
                Model = message.Model.Length > 0 ? message.Model : blank.Model,
                MaxTokens = 0,
                PromptField = "inputs",
                Embedding = new EmbeddingOptions(message.HasDimensions ? message.Dimensions : null, !message.HasNormalize || message.Normalize),
                Priority = message.Priority,
            },
            [.. message.Inputs.Select(input => (GenerationPrompt)(input.InputCase == InputCase.Text ? new TextPrompt(input.Text) : new TokenPrompt(input.TokenIds.Ids)))],
            null);
    }

    /// <summary>The answer.</summary>
    public static EmbedResponse Map(EmbeddingBatch batch)
    {
        var response = new EmbedResponse { Model = batch.Model, Usage = UsageMapper.Map(batch.Usage) };
        foreach (var elements in batch.Embeddings)
        {
            var embedding = new Embedding();
            embedding.Elements.AddRange(elements);
            response.Embeddings.Add(embedding);
        }

        return response;
    }
}

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
        var (truncation, wrong) = TruncationFields.Read(message.HasTruncatePromptTokens ? message.TruncatePromptTokens : null, message.HasTruncationSide ? message.TruncationSide : null);
        var inputs = message.Inputs.Select(Input).ToList();
        var failure = UserField.Check(message.User) ?? inputs.Select(static input => input.Failure).FirstOrDefault(static unusable => unusable is not null) ?? wrong;
        return failure is not null ? (null, [], failure) : (
            blank with
            {
                Model = message.Model.Length > 0 ? message.Model : blank.Model,
                MaxTokens = 0,
                PromptField = "inputs",
                Embedding = new EmbeddingOptions(message.HasDimensions ? message.Dimensions : null, !message.HasNormalize || message.Normalize),
                Priority = message.Priority,
                Truncation = truncation,
            },
            [.. inputs.Select(static input => input.Prompt!)],
            null);
    }

    private static (GenerationPrompt? Prompt, RequestFailure? Failure) Input(EmbeddingInput input)
    {
        switch (input.InputCase)
        {
            case InputCase.Text:
                return (new TextPrompt(input.Text), null);
            case InputCase.TokenIds:
                return (new TokenPrompt(input.TokenIds.Ids), null);
            case InputCase.Chat:
                var (chat, failure) = ChatMapper.Map(input.Chat);
                return (chat is null ? null : chat with { AddGenerationPrompt = input.Chat.AddGenerationPrompt }, failure);
            default:
                return (null, new RequestFailure(RequestError.InvalidRequest, "inputs: an input is empty: text, token_ids or chat.", "inputs"));
        }
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

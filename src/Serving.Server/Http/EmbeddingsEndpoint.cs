using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/embeddings</c>.</summary>
internal sealed class EmbeddingsEndpoint(RequestOpening opening, ServingOptions options)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.EmbeddingRequest) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (common, inputs, failure) = EmbeddingRequestMapper.Map(body, BlankRequest.For(context, engine));
        if (common is null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        (var batch, failure) = await EmbeddingBatch.ComputeAsync(context, engine, common, inputs, options.Server.MaxPrompts, context.RequestAborted);
        if (batch is null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        await using (batch)
        {
            await context.WriteJsonAsync(EmbeddingRequestMapper.Map(batch, body.EncodingFormat), OpenAiJson.Wire.EmbeddingList);
            batch.OnAnswered();
        }
    }
}

using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Hosting;
using Serving.Server.Telemetry;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/embeddings</c>.</summary>
internal sealed class EmbeddingsEndpoint(EngineAccess access, RequestCounters counters, ServingOptions options)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        (var body, failure) = await JsonBody.ReadAsync(context, OpenAiJson.Wire.EmbeddingRequest);
        if (body is null || (failure = KnownFields.Check(body.Others, out var unknown)) is not null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        counters.CountUnknownFields(unknown);
        (var common, var inputs, failure) = EmbeddingRequestMapper.Map(body, BlankRequest.For(context, engine));
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

using System.Text.Json.Serialization.Metadata;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary><c>POST /v1/score</c> and <c>POST /v1/rerank</c>: texts are embedded each by itself, and a score is the cosine between two embeddings, as vLLM has it for models that embed.</summary>
internal sealed class ScoreEndpoint(RequestOpening opening, ServingOptions options, TimeProvider time)
{
    /// <summary>Scores pairs.</summary>
    public Task ScoreAsync(HttpContext context) => HandleAsync(
        context, OpenAiJson.Wire.ScoreRequest, ScoreRequestMapper.Map, OpenAiJson.Wire.ScoreList, "score", static (head, _, texts, batch) => ScoreRequestMapper.Answer(head, texts, batch));

    /// <summary>Orders documents.</summary>
    public Task RerankAsync(HttpContext context) => HandleAsync(
        context, OpenAiJson.Wire.RerankRequest, ScoreRequestMapper.Map, OpenAiJson.Wire.RerankList, "rerank", ScoreRequestMapper.Answer);

    private async Task HandleAsync<TBody, TAnswer>(
        HttpContext context,
        JsonTypeInfo<TBody> type,
        Func<TBody, (ComparedTexts? Texts, RequestFailure? Failure)> read,
        JsonTypeInfo<TAnswer> answerType,
        string prefix,
        Func<AnswerHead, TBody, ComparedTexts, EmbeddingBatch, TAnswer> answer)
        where TBody : class, IEmbeddingBody
    {
        if (await opening.OpenAsync(context, type) is not { } opened)
        {
            return;
        }

        var (engine, body) = opened;
        var (texts, failure) = read(body);
        var (truncation, wrong) = TruncationFields.Read(body.TruncatePromptTokens, body.TruncationSide);
        if (texts is null || wrong is not null)
        {
            await context.WriteFailureAsync((failure ?? wrong)!);
            return;
        }

        var blank = BlankRequest.For(context, engine);
        var request = blank with
        {
            Model = body.Model ?? blank.Model,
            MaxTokens = 0,
            PromptField = texts.SecondField,
            Embedding = new EmbeddingOptions(),
            Priority = body.Priority ?? 0,
            Truncation = truncation,
        };
        (var batch, failure) = await EmbeddingBatch.ComputeAsync(context, engine, request, texts.Inputs, options.Server.MaxPrompts, context.RequestAborted, texts.FieldOf);
        if (batch is null)
        {
            await context.WriteFailureAsync(failure!);
            return;
        }

        await using (batch)
        {
            await context.WriteJsonAsync(answer(AnswerHead.Of(context, prefix, batch.Model, time), body, texts, batch), answerType);
            batch.OnAnswered();
        }
    }
}

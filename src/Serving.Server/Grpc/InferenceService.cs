using Google.Protobuf.WellKnownTypes;
using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Configuration;
using Serving.Server.Front;
using Serving.Server.Grpc.Calls;
using Serving.Server.Grpc.Mapping;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Serving.Server.Grpc;

/// <summary><c>serving.v1.InferenceService</c>: answers, embeddings, tokens and models.</summary>
internal sealed class InferenceService(EngineAccess access, ServingOptions options, TimeProvider time)
{
    /// <summary>Its description.</summary>
    public static ServiceDescriptor Descriptor { get; } = InferenceServiceReflection.Descriptor.Services.Single();

    /// <summary>Adds its methods.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapUnary<GenerateRequest, GenerateResponse>(Descriptor, "Generate", GenerateAsync);
        routes.MapStream<GenerateRequest>(Descriptor, "GenerateStream", GenerateStreamAsync);
        routes.MapUnary<EmbedRequest, EmbedResponse>(Descriptor, "Embed", EmbedAsync);
        routes.MapUnary<TokenizeRequest, TokenizeResponse>(Descriptor, "Tokenize", TokenizeAsync);
        routes.MapUnary<DetokenizeRequest, DetokenizeResponse>(Descriptor, "Detokenize", DetokenizeAsync);
        routes.MapUnary<ListModelsRequest, ListModelsResponse>(Descriptor, "ListModels", ListModelsAsync);
    }

    private async ValueTask<(GenerateResponse? Response, RequestFailure? Failure)> GenerateAsync(GrpcCall call, GenerateRequest request)
    {
        if (request.ContinuousUsageStats)
        {
            return (null, new RequestFailure(RequestError.InvalidRequest, "continuous_usage_stats: only with GenerateStream.", "continuous_usage_stats"));
        }

        var (submission, custom, failure) = await SubmitAsync(call, request);
        if (submission is null)
        {
            return (null, failure);
        }

        await using (submission)
        {
            submission.AnswerWhole();
            var answer = new AnswerBuilder(submission.Choices, custom!);
            await foreach (var happened in submission.ReadAllAsync(call.Cancelled))
            {
                if (TerminalFailure.Of(happened.Event) is { } ended)
                {
                    return (null, ended);
                }

                answer.Add(happened);
            }

            // It is handed to the connection next.
            submission.OnAnswered();
            return (answer.Build(call.Context.TraceIdentifier, time.GetUtcNow(), submission.Model, submission.Usage.Single()), null);
        }
    }

    private async Task<RequestFailure?> GenerateStreamAsync(GrpcCall call, GenerateRequest request)
    {
        if (PromptScoring.Check(request.HasPromptLogprobs ? request.PromptLogprobs : null, isStreamed: true) is { } streamed)
        {
            return streamed;
        }

        var (submission, custom, failure) = await SubmitAsync(call, request);
        if (submission is null)
        {
            return failure;
        }

        await using (submission)
        {
            // The first message, whatever it is, also tells whose answer this is.
            var next = new GenerateStreamResponse { Id = call.Context.TraceIdentifier, CreateTime = Timestamp.FromDateTimeOffset(time.GetUtcNow()), Model = submission.Model };
            await foreach (var happened in submission.ReadAllAsync(call.Cancelled))
            {
                if (TerminalFailure.Of(happened.Event) is { } ended)
                {
                    return ended;
                }

                if (ChoiceMapper.New(happened, custom!) is { } choice)
                {
                    next.Choice = choice;
                    next.Usage = request.ContinuousUsageStats ? UsageMapper.Map(submission.Usage.Single()) : null;
                    await call.WriteAsync(next);
                    next = new GenerateStreamResponse();
                }
            }

            next.Usage = UsageMapper.Map(submission.Usage.Single());
            await call.WriteAsync(next);
            submission.OnAnswered();
            return null;
        }
    }

    private async ValueTask<(Submission? Submission, CustomCalls? Custom, RequestFailure? Failure)> SubmitAsync(GrpcCall call, GenerateRequest message)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            return (null, null, failure);
        }

        (var request, failure) = GenerateRequestMapper.Map(message, BlankRequest.For(call.Context, engine) with { Timeout = call.Remaining });
        if (request is null)
        {
            return (null, null, failure);
        }

        (var submission, failure) = await Submission.SubmitAsync(call.Context, engine, [request], call.Cancelled);
        return submission is null ? (null, null, failure) : (submission, new CustomCalls(request.Prompt, submission.Choices), null);
    }

    private async ValueTask<(EmbedResponse? Response, RequestFailure? Failure)> EmbedAsync(GrpcCall call, EmbedRequest message)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            return (null, failure);
        }

        (var common, var inputs, failure) = EmbeddingMapper.Map(message, BlankRequest.For(call.Context, engine) with { Timeout = call.Remaining });
        if (common is null)
        {
            return (null, failure);
        }

        (var batch, failure) = await EmbeddingBatch.ComputeAsync(call.Context, engine, common, inputs, options.Server.MaxPrompts, call.Cancelled);
        if (batch is null)
        {
            return (null, failure);
        }

        await using (batch)
        {
            // It is handed to the connection next.
            batch.OnAnswered();
            return (EmbeddingMapper.Map(batch), null);
        }
    }

    private async ValueTask<(TokenizeResponse? Response, RequestFailure? Failure)> TokenizeAsync(GrpcCall call, TokenizeRequest request)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            return (null, failure);
        }

        (var prompt, failure) = TokenizationMapper.Prompt(request);
        if (prompt is null)
        {
            return (null, failure);
        }

        var special = request.HasAddSpecialTokens ? request.AddSpecialTokens : prompt is TextPrompt;
        var result = await engine.TokenizeAsync(ApiCaller.Of(call.Context).Tenant, ModelOf(request.Model), prompt, special, call.Cancelled);
        return result.Failure is not null ? (null, result.Failure) : (TokenizationMapper.Map(result, request.ReturnTokenTexts, engine.Description.MaxModelLength), null);
    }

    private async ValueTask<(DetokenizeResponse? Response, RequestFailure? Failure)> DetokenizeAsync(GrpcCall call, DetokenizeRequest request)
    {
        if (!access.TryEnter(out var engine, out var failure))
        {
            return (null, failure);
        }

        var result = await engine.DetokenizeAsync(ApiCaller.Of(call.Context).Tenant, ModelOf(request.Model), request.TokenIds, call.Cancelled);
        return result.Failure is not null ? (null, result.Failure) : (new DetokenizeResponse { Text = result.Text }, null);
    }

    private async ValueTask<(ListModelsResponse? Response, RequestFailure? Failure)> ListModelsAsync(GrpcCall call, ListModelsRequest request)
    {
        if (access.Client is not { } engine)
        {
            return (null, EngineAccess.Loading);
        }

        var (models, failure) = await engine.ListModelsAsync(ApiCaller.Of(call.Context).Tenant, call.Cancelled);
        if (failure is not null)
        {
            return (null, failure);
        }

        var response = new ListModelsResponse();
        response.Models.AddRange(models.Select(entry => ToModel(entry, engine.Description)));
        return (response, null);
    }

    private static Model ToModel(ModelEntry entry, EngineDescription description) => new()
    {
        Name = entry.Name,
        Parent = entry.Parent ?? "",
        Root = entry.Root,
        CreateTime = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeSeconds(entry.CreatedUnixSeconds)),
        MaxModelLen = entry.Parent is null ? description.MaxModelLength : 0,
    };

    private static string? ModelOf(string name) => name.Length > 0 ? name : null;
}

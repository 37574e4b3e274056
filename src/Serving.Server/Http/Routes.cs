using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Health;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary>
/// Every route of the daemon. One without <c>AllowAnonymous</c> needs a key: that is the default, so that a forgotten line closes a route instead of opening it.
/// </summary>
internal static class Routes
{
    /// <summary>Adds them all.</summary>
    public static void MapServing(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        services.GetRequiredService<HealthEndpoints>().Map(routes);
        services.GetRequiredService<MetricsEndpoints>().Map(routes);
        PageEndpoints.Map(routes);
        routes.MapOpenApi("/openapi/v1.json");
        routes.MapGet("/version", VersionEndpoint.HandleAsync).AllowAnonymous();
        MapOpenAi(routes, services);
        MapAnthropic(routes, services.GetRequiredService<MessagesEndpoint>());
    }

    private static void MapOpenAi(IEndpointRouteBuilder routes, IServiceProvider services)
    {
        var models = services.GetRequiredService<ModelsEndpoint>();
        routes.MapGet("/v1/models", (Delegate)models.ListAsync).WithMetadata(new ApiKeyHeader()).Answers<ModelList>("Models that the caller may use");
        routes.MapGet("/v1/models/{**id}", (Delegate)models.ShowAsync).WithMetadata(new ApiKeyHeader()).Answers<ModelCard>("One of them");
        routes.MapGet("/v1/status", (Delegate)services.GetRequiredService<StatusEndpoint>().HandleAsync).Answers<ServerStatus>("The engine now");
        MapJson<ChatCompletionRequest>(routes, "/v1/chat/completions", services.GetRequiredService<ChatCompletionsEndpoint>().HandleAsync)
            .Answers<ChatCompletion>("Answers a conversation, at once or in server-sent events");
        var responses = services.GetRequiredService<ResponsesEndpoint>();
        MapJson<ResponseRequest>(routes, "/v1/responses", responses.HandleAsync).Answers<ModelResponse>("Answers an input, at once or in server-sent events");
        routes.MapGet("/v1/responses/{id}", (Delegate)responses.ShowAsync).Answers<ModelResponse>("An answer that is kept");
        routes.MapDelete("/v1/responses/{id}", (Delegate)responses.DeleteAsync).Answers<ResponseDeleted>("Lets one go");
        routes.MapPost("/v1/responses/{id}/cancel", (Delegate)responses.CancelAsync).Answers<ModelResponse>("Ends one that is under way in the background");
        MapConversations(routes, services.GetRequiredService<ConversationsEndpoint>());
        MapJson<CompletionRequest>(routes, "/v1/completions", services.GetRequiredService<CompletionsEndpoint>().HandleAsync)
            .Answers<TextCompletion>("Goes on with prompts");
        MapJson<EmbeddingRequest>(routes, "/v1/embeddings", services.GetRequiredService<EmbeddingsEndpoint>().HandleAsync).Answers<EmbeddingList>("Embeds texts");
        var scores = services.GetRequiredService<ScoreEndpoint>();
        MapJson<ScoreRequest>(routes, "/v1/score", scores.ScoreAsync).Answers<ScoreList>("Says how alike texts are, by their embeddings");

        // Jina's clients ask at the first, Cohere's at the second, and some of vLLM's at the third.
        foreach (var path in new[] { "/v1/rerank", "/v2/rerank", "/rerank" })
        {
            MapJson<RerankRequest>(routes, path, scores.RerankAsync).Answers<RerankList>("Orders documents by how alike they and a query are");
        }

        var schemas = services.GetRequiredService<PromptSchemasEndpoint>();
        MapJson<PromptSchemaRequest>(routes, "/v1/prompt_schemas", schemas.PutAsync).Answers<PromptSchemaCard>("Creates or replaces a prompt schema");
        routes.MapGet("/v1/prompt_schemas", (Delegate)schemas.ListAsync).Answers<PromptSchemaList>("Prompt schemas that the caller may use");
        routes.MapGet("/v1/prompt_schemas/{id}", (Delegate)schemas.ShowAsync).Answers<PromptSchemaCard>("One of them, with its content");
        routes.MapDelete("/v1/prompt_schemas/{id}", (Delegate)schemas.DeleteAsync).Answers<PromptSchemaDeleted>("Deletes one");
        MapJson<TokenizeRequest>(routes, "/tokenize", services.GetRequiredService<TokenizeEndpoint>().HandleAsync).Answers<TokenizeResponse>("Encodes");
        MapJson<DetokenizeRequest>(routes, "/detokenize", services.GetRequiredService<DetokenizeEndpoint>().HandleAsync).Answers<DetokenizeResponse>("Decodes");
        MapJson<LoadAdapterRequest>(routes, "/v1/load_lora_adapter", services.GetRequiredService<LoadAdapterEndpoint>().HandleAsync)
            .Answers<string>("Makes an adapter known", "text/plain");
        MapJson<UnloadAdapterRequest>(routes, "/v1/unload_lora_adapter", services.GetRequiredService<UnloadAdapterEndpoint>().HandleAsync)
            .Answers<string>("Hides an adapter", "text/plain");
    }

    private static void MapConversations(IEndpointRouteBuilder routes, ConversationsEndpoint conversations)
    {
        MapJson<ConversationRequest>(routes, "/v1/conversations", conversations.CreateAsync).Answers<ConversationCard>("Begins a conversation, which responses go on from and add to");
        MapJson<ConversationRequest>(routes, "/v1/conversations/{id}", conversations.UpdateAsync).Answers<ConversationCard>("Gives one other labels");
        routes.MapGet("/v1/conversations/{id}", (Delegate)conversations.ShowAsync).Answers<ConversationCard>("One that is kept");
        routes.MapDelete("/v1/conversations/{id}", (Delegate)conversations.DeleteAsync).Answers<ConversationDeleted>("Lets one go");
        MapJson<ConversationItemsRequest>(routes, "/v1/conversations/{id}/items", conversations.AddAsync).Answers<ConversationItemList>("Adds items");
        routes.MapGet("/v1/conversations/{id}/items", (Delegate)conversations.ListAsync).Answers<ConversationItemList>("Its items, the latest first");
        routes.MapGet("/v1/conversations/{id}/items/{item}", (Delegate)conversations.ShowItemAsync).Answers<ResponseItem>("One of them");
        routes.MapDelete("/v1/conversations/{id}/items/{item}", (Delegate)conversations.DeleteItemAsync).Answers<ConversationCard>("Takes one out");
    }

    private static void MapAnthropic(IEndpointRouteBuilder routes, MessagesEndpoint messages)
    {
        MapJson<MessageRequest>(routes, "/v1/messages", messages.HandleAsync).WithMetadata(new ApiKeyHeader())
            .Answers<MessageAnswer>("Answers a conversation as Anthropic's API does, at once or in server-sent events", failure: typeof(MessageFailure));
        MapJson<MessageRequest>(routes, "/v1/messages/count_tokens", messages.CountAsync).WithMetadata(new ApiKeyHeader())
            .Answers<MessageTokensCount>("Counts the tokens of such a conversation's prompt", failure: typeof(MessageFailure));
    }

    // Only JSON by name is taken (a body without any type is refused by RequestOpening): a page of another site can make a browser post text/plain to a daemon on loopback, but not this.
    private static RouteHandlerBuilder MapJson<TBody>(IEndpointRouteBuilder routes, string pattern, Func<HttpContext, Task> handler)
        where TBody : notnull => routes.MapPost(pattern, (Delegate)handler).Accepts<TBody>("application/json");

    private static void Answers<TAnswer>(this IEndpointConventionBuilder route, string summary, string contentType = "application/json", Type? failure = null) => route.WithMetadata(
        new EndpointSummaryAttribute(summary),
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(TAnswer), [contentType]),
        new ProducesResponseTypeMetadata(StatusCodes.Status400BadRequest, failure ?? typeof(ErrorBody), ["application/json"]));
}

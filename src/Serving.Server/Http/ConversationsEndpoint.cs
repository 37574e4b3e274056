using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Configuration;
using Serving.Server.Responses;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>/v1/conversations</c>: items that responses go on from and add to. They are kept with the responses; another's looks exactly like what is not there.</summary>
internal sealed class ConversationsEndpoint(RequestOpening opening, ResponseStore store, ServingOptions options, TimeProvider time)
{
    /// <summary>Items that one request may add: OpenAI's number.</summary>
    private const int MaxAdded = 20;

    /// <summary>Items of one page of a list: OpenAI's numbers.</summary>
    private const int DefaultPage = 20;
    private const int MaxPage = 100;

    private static readonly JsonElement NoLabels = JsonDocument.Parse("{}").RootElement;

    /// <summary>Begins a conversation.</summary>
    public async Task CreateAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ConversationRequest) is not { } opened)
        {
            return;
        }

        var (_, body) = opened;
        var (items, failure) = Read(context, body.Items, isNeeded: false);
        if ((store.IsOn ? ResponseFields.CheckMetadata(body.Metadata) ?? failure : ResponseHistory.Off("conversation")) is { } refused)
        {
            await context.WriteFailureAsync(refused);
            return;
        }

        var id = "conv_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        var conversation = new StoredConversation(id, time.GetUtcNow().ToUnixTimeSeconds(), Labels(body.Metadata), ConversationItems.Append([], items));
        store.Add(Caller(context), conversation);
        await ShowAsync(context, conversation);
    }

    /// <summary>Gives a conversation other labels.</summary>
    public async Task UpdateAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ConversationRequest) is not { } opened)
        {
            return;
        }

        var (_, body) = opened;
        var misplaced = body.Items is { ValueKind: not JsonValueKind.Null } ? new RequestFailure(RequestError.InvalidRequest, "items: are added at /items.", "items") : null;
        if ((misplaced ?? ResponseFields.CheckMetadata(body.Metadata)) is { } refused)
        {
            await context.WriteFailureAsync(refused);
            return;
        }

        var changed = store.Update(Caller(context), Id(context), conversation => conversation.With(Labels(body.Metadata)));
        await (changed is not null ? ShowAsync(context, changed) : context.WriteFailureAsync(Missing(context)));
    }

    /// <summary>Shows a conversation.</summary>
    public Task ShowAsync(HttpContext context) =>
        store.TryGet(Caller(context), Id(context), out StoredConversation? conversation) ? ShowAsync(context, conversation) : context.WriteFailureAsync(Missing(context));

    /// <summary>Lets a conversation go; responses that were part of it stay.</summary>
    public Task DeleteAsync(HttpContext context) => store.Remove<StoredConversation>(Caller(context), Id(context))
        ? context.WriteJsonAsync(new ConversationDeleted(Id(context)), OpenAiJson.Wire.ConversationDeleted)
        : context.WriteFailureAsync(Missing(context));

    /// <summary>Adds items.</summary>
    public async Task AddAsync(HttpContext context)
    {
        if (await opening.OpenAsync(context, OpenAiJson.Wire.ConversationItemsRequest) is not { } opened)
        {
            return;
        }

        var (items, failure) = Read(context, opened.Body.Items, isNeeded: true);
        if (failure is not null)
        {
            await context.WriteFailureAsync(failure);
            return;
        }

        var isFull = false;
        var changed = store.Update(Caller(context), Id(context), conversation =>
        {
            var added = conversation.With(ConversationItems.Append(conversation.Items, items));
            isFull = added.Items.Count > RequestLimits.Messages || added.ConversationBytes > options.Server.MaxBodySize;
            return isFull ? conversation : added;
        });
        await (changed is null ? context.WriteFailureAsync(Missing(context))
            : isFull ? context.WriteFailureAsync(Full)
            : ListAsync(context, [.. changed.Items.Skip(changed.Items.Count - items.Count)], hasMore: false));
    }

    /// <summary>Lists items, the latest first unless <c>order</c> is asc.</summary>
    public Task ListAsync(HttpContext context)
    {
        if (!store.TryGet(Caller(context), Id(context), out StoredConversation? conversation))
        {
            return context.WriteFailureAsync(Missing(context));
        }

        var (query, limit) = (context.Request.Query, DefaultPage);
        if ((string?)query["limit"] is { } given && !(int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= MaxPage))
        {
            return context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, $"limit: 1 to {MaxPage} is expected.", "limit"));
        }

        if ((string?)query["order"] is not (null or "asc" or "desc"))
        {
            return context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, "order: asc or desc is expected.", "order"));
        }

        var ordered = (string?)query["order"] == "asc" ? conversation.Items : [.. conversation.Items.Reverse()];
        var (after, first) = ((string?)query["after"], 0);
        if (after is not null)
        {
            first = ordered.TakeWhile(item => item.Id != after).Count() + 1;
            if (first > ordered.Count)
            {
                return context.WriteFailureAsync(new RequestFailure(RequestError.InvalidRequest, "after: is none of the conversation's items.", "after"));
            }
        }

        return ListAsync(context, [.. ordered.Skip(first).Take(limit)], first + limit < ordered.Count);
    }

    /// <summary>Shows an item.</summary>
    public Task ShowItemAsync(HttpContext context) => !store.TryGet(Caller(context), Id(context), out StoredConversation? conversation) ? context.WriteFailureAsync(Missing(context))
        : conversation.Items.FirstOrDefault(item => item.Id == ItemId(context)) is { } found ? context.WriteJsonAsync(found.Json)
        : context.WriteFailureAsync(MissingItem(context));

    /// <summary>Takes an item out; answers with the conversation.</summary>
    public Task DeleteItemAsync(HttpContext context)
    {
        var isThere = false;
        var changed = store.Update(Caller(context), Id(context), conversation =>
        {
            var left = conversation.Items.Where(item => item.Id != ItemId(context)).ToList();
            isThere = left.Count < conversation.Items.Count;
            return isThere ? conversation.With(left) : conversation;
        });
        return changed is null ? context.WriteFailureAsync(Missing(context)) : isThere ? ShowAsync(context, changed) : context.WriteFailureAsync(MissingItem(context));
    }

    private static RequestFailure Full { get; } =
        new(RequestError.ContextTooLong, $"items: a conversation has at most {RequestLimits.Messages} items, which are no longer than server.max_body_size.", "items");

    private (IReadOnlyList<JsonElement> Items, RequestFailure? Failure) Read(HttpContext context, JsonElement? given, bool isNeeded)
    {
        if (given is not { ValueKind: not JsonValueKind.Null } items)
        {
            return ([], isNeeded ? Invalid("is missing") : null);
        }

        return items.ValueKind != JsonValueKind.Array || items.GetArrayLength() > MaxAdded || (isNeeded && items.GetArrayLength() == 0) ? ([], Invalid($"a list of up to {MaxAdded} items is expected"))
            : !JsonStrings.AreText(items) ? ([], Invalid("a string holds an unpaired surrogate"))
            : ResponseInput.Check([.. items.EnumerateArray()], new ResponseHistory(store, Caller(context), options.Server.MaxBodySize));

        static RequestFailure Invalid(string message) => new(RequestError.InvalidRequest, $"items: {message}.", "items");
    }

    private static Task ShowAsync(HttpContext context, StoredConversation conversation)
    {
        var reader = new Utf8JsonReader(conversation.Metadata);
        return context.WriteJsonAsync(new ConversationCard(conversation.Id, conversation.CreatedAt, JsonElement.ParseValue(ref reader)), OpenAiJson.Wire.ConversationCard);
    }

    private static Task ListAsync(HttpContext context, IReadOnlyList<StoredItem> items, bool hasMore) => context.WriteJsonAsync(
        new ConversationItemList([.. items.Select(ConversationItems.Read)], items.Count == 0 ? null : items[0].Id, items.Count == 0 ? null : items[^1].Id, hasMore), OpenAiJson.Wire.ConversationItemList);

    private static byte[] Labels(JsonElement? metadata) =>
        JsonSerializer.SerializeToUtf8Bytes(metadata is { ValueKind: not JsonValueKind.Null } given ? given : NoLabels, OpenAiJson.Wire.JsonElement);

    private static TenantId Caller(HttpContext context) => ApiCaller.Of(context).Tenant.Id;

    private static string Id(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    private static string ItemId(HttpContext context) => (string?)context.Request.RouteValues["item"] ?? "";

    private static RequestFailure Missing(HttpContext context) => new(RequestError.ResponseNotFound, $"Conversation with id '{JsonBody.Echo(Id(context))}' not found.");

    private static RequestFailure MissingItem(HttpContext context) =>
        new(RequestError.ResponseNotFound, $"Item with id '{JsonBody.Echo(ItemId(context))}' not found in conversation '{JsonBody.Echo(Id(context))}'.");
}

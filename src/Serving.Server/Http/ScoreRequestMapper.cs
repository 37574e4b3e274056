using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns the body of a request to compare texts into what is embedded for it, and embeddings into scores.</summary>
internal static class ScoreRequestMapper
{
    /// <summary>Reads the two lists of a request for scores.</summary>
    public static (ComparedTexts? Texts, RequestFailure? Failure) Map(ScoreRequest body)
    {
        var (firstField, first) = body.Text1 is not null || body.Queries is null ? ("text_1", body.Text1) : ("queries", body.Queries);
        var (secondField, second) = body.Text2 is not null || body.Documents is null ? ("text_2", body.Text2) : ("documents", body.Documents);
        var failure = body is { Text1: not null, Queries: not null } ? Invalid("queries", "not together with text_1")
            : body is { Text2: not null, Documents: not null } ? Invalid("documents", "not together with text_2")
            : first is not { Count: > 0 } ? Invalid(firstField, "expected at least one text")
            : second is not { Count: > 0 } ? Invalid(secondField, "expected at least one text")
            : first.Count != 1 && first.Count != second.Count ? Invalid(firstField, $"expected one text, or as many as {secondField} has ({second.Count})")
            : UserField.Check(body.User);
        return failure is null ? (new ComparedTexts(first!, firstField, second!, secondField), null) : (null, failure);
    }

    /// <summary>Reads query and documents of a request to rerank.</summary>
    public static (ComparedTexts? Texts, RequestFailure? Failure) Map(RerankRequest body)
    {
        var failure = body.Query is null ? Invalid("query", "is missing")
            : body.Documents is not { Count: > 0 } ? Invalid("documents", "expected at least one text")
            : body.TopN < 0 ? Invalid("top_n", "expected 0 or more")
            : UserField.Check(body.User);
        return failure is null ? (new ComparedTexts([body.Query!], "query", body.Documents!, "documents"), null) : (null, failure);
    }

    /// <summary>Scores as they are asked for.</summary>
    public static ScoreList Answer(AnswerHead head, ComparedTexts texts, EmbeddingBatch batch) => new()
    {
        Id = head.Id,
        Created = head.Created,
        Model = head.Model,
        Data = [.. texts.Scores(batch.Embeddings).Select((score, index) => new ScoreEntry { Index = index, Score = score })],
        Usage = UsageOf(batch),
    };

    /// <summary>Documents in the order of their scores; those of equal score in their own.</summary>
    public static RerankList Answer(AnswerHead head, RerankRequest body, ComparedTexts texts, EmbeddingBatch batch) => new()
    {
        Id = head.Id,
        Model = head.Model,
        Usage = UsageOf(batch),
        Results =
        [
            .. texts.Scores(batch.Embeddings)
                .Select((score, index) => new RerankEntry(index, body.ReturnDocuments == false ? null : new RerankDocument(body.Documents![index]), score))
                .OrderByDescending(entry => entry.RelevanceScore)
                .Take(body.TopN is > 0 and var most ? most : int.MaxValue),
        ],
    };

    private static EmbeddingUsage UsageOf(EmbeddingBatch batch)
    {
        var usage = batch.Usage;
        return new EmbeddingUsage(usage.PromptTokens, usage.PromptTokens, new PromptTokensDetails(usage.CachedTokens));
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}.", field);
}

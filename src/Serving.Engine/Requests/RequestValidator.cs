using System.Globalization;
using Serving.Core.Requests;
using Serving.Engine.Reasoning;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>The one validator of requests, for HTTP and gRPC alike: what it lets through is trusted from then on.</summary>
public sealed class RequestValidator
{
    private readonly RequestLimits _limits;
    private readonly ToolSupport _tools;
    private readonly ReasoningSupport _reasoning;

    /// <summary>Creates a validator for a model.</summary>
    /// <param name="limits">Its limits.</param>
    /// <param name="tools">What it can do about tools.</param>
    /// <param name="reasoning">What it can be told about thinking.</param>
    public RequestValidator(RequestLimits limits, ToolSupport tools, ReasoningSupport reasoning)
    {
        _limits = limits;
        _tools = tools;
        _reasoning = reasoning;
    }

    /// <summary>Checks every field that does not depend on the encoded prompt.</summary>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? Validate(GenerationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Prompt(request)
            ?? Embedding(request)
            ?? Schema(request)
            ?? Truncation(request)
            ?? Lengths(request)
            ?? Ranges(request)
            ?? Stops(request)
            ?? ValidateTokenRules(request)
            ?? Bias(request.LogitBias)
            ?? Constraint(request)
            ?? Logprobs(request);
    }

    /// <summary>Checks a conversation and the tools that it offers.</summary>
    /// <param name="chat">The conversation.</param>
    /// <param name="hasSchema">Whether its first message may import modules.</param>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? ValidateChat(ChatPrompt chat, bool hasSchema = false) =>
        ChatMessages.Validate(chat, hasSchema) ?? ToolRules.Check(chat, _tools) ?? ReasoningRules.Check(chat, _reasoning)
            ?? Range(chat.ThinkingBudgetField ?? "thinking", chat.ThinkingBudget, 0, int.MaxValue);

    /// <summary>Checks what depends on the length of the encoded prompt.</summary>
    /// <param name="request">The request.</param>
    /// <param name="prompt">Its prompt's tokens.</param>
    /// <param name="nextPosition">The position of the first token behind it: more than it has tokens where a schema leaves gaps.</param>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? ValidateEncoded(GenerationRequest request, IReadOnlyList<int> prompt, int nextPosition)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(prompt);
        var context = _limits.MaxModelLength;
        if (prompt.Count == 0)
        {
            return Invalid(PromptField(request), "The prompt is empty.");
        }

        var room = request.MaxTokens == 0 ? context : context - 1;
        if (nextPosition > room)
        {
            return TooLong(PromptField(request), $"This model's maximum context length is {context} tokens, but the prompt contains {nextPosition} input tokens.");
        }

        if (request is { MaxTokens: { } wanted, MaxTokensMayBeCut: false } && nextPosition + (long)wanted > context)
        {
            return TooLong(
                request.MaxTokensField,
                $"This model's maximum context length is {context} tokens, but {nextPosition} prompt tokens and {request.MaxTokensField} {wanted} make {nextPosition + (long)wanted}.");
        }

        if (request.PromptLogprobs is { } scored && prompt.Count * (scored + 1L) * request.Choices > RequestLimits.ScoredCells)
        {
            return Invalid("prompt_logprobs", "Too many prompt logprobs: prompt tokens × (prompt_logprobs + 1) × n exceeds " + RequestLimits.ScoredCells + ".");
        }

        if (request is { Echo: true, TopLogprobs: { } top } && prompt.Count * (long)(top + 1) > RequestLimits.ScoredCells)
        {
            return Invalid(request.TopLogprobsField, "Too many prompt logprobs: prompt tokens × (logprobs + 1) exceeds " + RequestLimits.ScoredCells + ".");
        }

        return ValidateTokens(prompt, PromptField(request));
    }

    /// <summary>Checks token ids that are to become text: the model's, and no more than a context could ever have.</summary>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? ValidateDecoded(IReadOnlyList<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return tokens.Count > RequestLimits.DecodedTokens ? Invalid("tokens", $"At most {RequestLimits.DecodedTokens} tokens are decoded.") : ValidateTokens(tokens, "tokens");
    }

    /// <summary>Checks that token ids are the model's.</summary>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? ValidateTokens(IReadOnlyList<int> tokens, string field)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i] < 0 || tokens[i] >= _limits.VocabularySize)
            {
                return Invalid(field, $"Token id {tokens[i]} is not in the vocabulary of {_limits.VocabularySize}.");
            }
        }

        return null;
    }

    private static string PromptField(GenerationRequest request) => request.PromptField ?? (request.Prompt is ChatPrompt ? "messages" : "prompt");

    private RequestFailure? Prompt(GenerationRequest request) => request.Prompt switch
    {
        TextPrompt { Text.Length: 0 } or TokenPrompt { Tokens.Count: 0 } => Invalid(PromptField(request), "The prompt is empty."),
        ChatPrompt chat => ValidateChat(chat, request.SchemaName is not null),
        _ => null,
    };

    private RequestFailure? Embedding(GenerationRequest request) => request switch
    {
        { Embedding: null } => null,
        _ when _limits.EmbeddingRefusal is { } reason => NotSupported("model", $"This model's embeddings are not supported: they are made by {reason}, and here by the last token alone."),
        { SchemaName: not null } => NotSupported("prompt_schema", "prompt_schema is not supported for embeddings."),
        { Choices: > 1 } or { Echo: true } or { MaxTokens: not 0 } => Invalid(request.MaxTokensField, "An embedding generates nothing."),
        _ => Range("dimensions", request.Embedding.Dimensions, 1, _limits.HiddenSize),
    };

    private static RequestFailure? Schema(GenerationRequest request) => request switch
    {
        { SchemaName: null } => null,
        { Prompt: TokenPrompt } => Invalid("prompt", "With prompt_schema a prompt is PML: <prompt schema=\"…\">."),
        { Prompt: ChatPrompt { ShownTools: not null } } => NotSupported("tools", "tools are not supported with prompt_schema."),
        { Echo: true, TopLogprobs: not null } => NotSupported("echo", "echo with logprobs is not supported with prompt_schema."),
        { PromptLogprobs: not null } => NotSupported("prompt_logprobs", "prompt_logprobs is not supported with prompt_schema."),
        _ => null,
    };

    private RequestFailure? Truncation(GenerationRequest request) => request switch
    {
        { Truncation: null } => null,
        { SchemaName: not null } => NotSupported(PromptTruncation.Field, $"{PromptTruncation.Field} is not supported with prompt_schema."),
        { Truncation.Tokens: 0 } => Invalid(PromptTruncation.Field, $"{PromptTruncation.Field} must be -1, or at least 1."),
        { Truncation.Tokens: PromptTruncation.RestOfContext, MaxTokens: { } wanted } when wanted >= _limits.MaxModelLength =>
            Invalid(PromptTruncation.Field, $"{PromptTruncation.Field}: {request.MaxTokensField} {wanted} leaves no token of this model's {_limits.MaxModelLength}."),
        _ => Range(PromptTruncation.Field, request.Truncation.Tokens, PromptTruncation.RestOfContext, _limits.MaxModelLength),
    };

    private static RequestFailure? Constraint(GenerationRequest request) => request switch
    {
        { EffectiveConstraint: null } => null,
        { Constraint: not null, Prompt: ChatPrompt chat } when ToolRules.Constraint(chat) is { } calls => Invalid(calls.Field, $"{calls.Field}: calls cannot be demanded, or strict, together with {request.Constraint.Field}."),
        { IgnoreEos: true } => Invalid("ignore_eos", $"ignore_eos: not with {request.EffectiveConstraint.Field}, whose answers end where they are complete."),
        { Constraint: ChoiceConstraint { Choices: var choices } } when choices.Count is 0 or > RequestLimits.Choices =>
            Invalid(request.Constraint.Field, $"{request.Constraint.Field}: 1 to {RequestLimits.Choices} choices are accepted."),
        { Constraint: ChoiceConstraint { Choices: var choices } } when choices.Any(string.IsNullOrEmpty) => Invalid(request.Constraint.Field, $"{request.Constraint.Field}: a choice is empty."),
        _ => null,
    };

    private static RequestFailure? Range(string field, double? value, double least, double most, bool leastExcluded = false)
    {
        if (value is not { } number)
        {
            return null;
        }

        var inside = double.IsFinite(number) && number <= most && (leastExcluded ? number > least : number >= least);
        return inside
            ? null
            : Invalid(field, string.Create(CultureInfo.InvariantCulture, $"{field} must be {(leastExcluded ? "above" : "at least")} {least} and at most {most}."));
    }

    private static RequestFailure? Logprobs(GenerationRequest request) =>
        Range(request.TopLogprobsField, request.TopLogprobs, 0, RequestLimits.TopLogprobs) ?? Range("prompt_logprobs", request.PromptLogprobs, 0, RequestLimits.TopLogprobs);

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);

    private static RequestFailure NotSupported(string field, string message) => new(RequestError.NotSupported, message, field);

    private static RequestFailure TooLong(string field, string message) => new(RequestError.ContextTooLong, message, field);

    private RequestFailure? Lengths(GenerationRequest request)
    {
        var leastTokens = request.Echo || request.Embedding is not null || request.PromptLogprobs is not null ? 0 : 1;
        return Range(request.MaxTokensField, request.MaxTokens, leastTokens, int.MaxValue)
            ?? Range("n", request.Choices, 1, _limits.MaxChoices)
            ?? (request.Timeout is { } timeout && timeout <= TimeSpan.Zero ? Invalid("timeout", "The timeout must be positive.") : null);
    }

    private static RequestFailure? Ranges(GenerationRequest request) =>
        Range("temperature", request.Temperature, 0, 2)
        ?? Range("top_p", request.TopP, 0, 1, leastExcluded: true)
        ?? Range("top_k", request.TopK, -1, int.MaxValue)
        ?? Range("min_p", request.MinP, 0, 1)
        ?? Range("repetition_penalty", request.RepetitionPenalty, 0, 10, leastExcluded: true)
        ?? Range("presence_penalty", request.PresencePenalty, -2, 2)
        ?? Range("frequency_penalty", request.FrequencyPenalty, -2, 2);

    private RequestFailure? Stops(GenerationRequest request)
    {
        if (request.Stop.Count > RequestLimits.StopStrings)
        {
            return Invalid("stop", $"At most {RequestLimits.StopStrings} stop strings are accepted.");
        }

        foreach (var stop in request.Stop)
        {
            if (string.IsNullOrEmpty(stop) || stop.Length > RequestLimits.StopStringLength)
            {
                return Invalid("stop", $"A stop string has 1 to {RequestLimits.StopStringLength} characters.");
            }
        }

        if (request.Stop.Sum(static stop => stop.Length) > RequestLimits.StopCharacters)
        {
            return Invalid("stop", $"Stop strings have at most {RequestLimits.StopCharacters} characters together.");
        }

        return request.StopTokenIds.Count > RequestLimits.StopTokenIds
            ? Invalid("stop_token_ids", $"At most {RequestLimits.StopTokenIds} stop token ids are accepted.")
            : ValidateTokens(request.StopTokenIds, "stop_token_ids");
    }

    private RequestFailure? ValidateTokenRules(GenerationRequest request)
    {
        if (Range("min_tokens", request.MinTokens, 0, request.MaxTokens ?? _limits.MaxModelLength) is { } failure)
        {
            return failure;
        }

        if (request.BadWords.Count > RequestLimits.BadWords)
        {
            return Invalid("bad_words", $"At most {RequestLimits.BadWords} words are accepted.");
        }

        if (request.BadWords.Any(static word => string.IsNullOrWhiteSpace(word) || word.Length > RequestLimits.BadWordLength))
        {
            return Invalid("bad_words", $"A word has 1 to {RequestLimits.BadWordLength} characters, and not white space alone.");
        }

        return request.AllowedTokenIds switch
        {
            null => null,
            { Count: 0 } => Invalid("allowed_token_ids", "allowed_token_ids names no token."),
            { Count: var count } when count > _limits.VocabularySize => Invalid("allowed_token_ids", $"allowed_token_ids has more entries than the vocabulary of {_limits.VocabularySize}."),
            var tokens => ValidateTokens(tokens, "allowed_token_ids"),
        };
    }

    private RequestFailure? Bias(IReadOnlyDictionary<int, float>? bias)
    {
        if (bias is null)
        {
            return null;
        }

        if (bias.Count > RequestLimits.LogitBias)
        {
            return Invalid("logit_bias", $"At most {RequestLimits.LogitBias} entries are accepted.");
        }

        foreach (var (token, value) in bias)
        {
            if (token < 0 || token >= _limits.VocabularySize)
            {
                return Invalid("logit_bias", $"Token id {token} is not in the vocabulary of {_limits.VocabularySize}.");
            }

            if (Range("logit_bias", value, -100, 100) is { } failure)
            {
                return failure;
            }
        }

        return null;
    }
}

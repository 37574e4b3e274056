using System.Globalization;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Maps what chats and completions have in common. Ranges are checked by the engine; here only what the wire alone can get wrong.</summary>
internal static class SamplingMapper
{
    /// <summary>Fills in the sampling fields.</summary>
    /// <param name="fields">The body.</param>
    /// <param name="request">The request so far.</param>
    /// <returns>The request with them, or a failure.</returns>
    public static (GenerationRequest Request, RequestFailure? Failure) Apply(GenerationFields fields, GenerationRequest request)
    {
        if (UserField.Check(fields.User) is { } tooLong)
        {
            return (request, tooLong);
        }

        if (fields.StreamOptions is not null && fields.Stream != true)
        {
            return (request, new RequestFailure(RequestError.InvalidRequest, "stream_options: only with stream.", "stream_options"));
        }

        var (constraint, unusable) = ConstraintMapper.Map(fields);
        if (unusable is not null)
        {
            return (request, unusable);
        }

        var (truncation, wrong) = TruncationFields.Read(fields.TruncatePromptTokens, fields.TruncationSide);
        var (bias, failure) = Bias(fields.LogitBias);
        return (request with
        {
            SchemaName = fields.PromptSchema,
            Truncation = truncation,
            Choices = fields.N ?? 1,
            Temperature = fields.Temperature,
            TopP = fields.TopP,
            TopK = fields.TopK,
            MinP = fields.MinP,
            RepetitionPenalty = fields.RepetitionPenalty,
            PresencePenalty = fields.PresencePenalty,
            FrequencyPenalty = fields.FrequencyPenalty,
            Seed = fields.Seed,
            LogitBias = bias,
            Constraint = constraint,
            Stop = fields.Stop ?? [],
            StopTokenIds = fields.StopTokenIds ?? [],
            MinTokens = fields.MinTokens ?? 0,
            BadWords = fields.BadWords ?? [],
            AllowedTokenIds = fields.AllowedTokenIds,
            IgnoreEos = fields.IgnoreEos ?? false,
            Priority = fields.Priority ?? 0,
        }, failure ?? wrong);
    }

    private static (Dictionary<int, float>? Bias, RequestFailure? Failure) Bias(IReadOnlyDictionary<string, float>? wire)
    {
        if (wire is null)
        {
            return (null, null);
        }

        var bias = new Dictionary<int, float>(wire.Count);
        foreach (var (key, value) in wire)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var token) || !bias.TryAdd(token, value))
            {
                return (null, new RequestFailure(RequestError.InvalidRequest, $"logit_bias: \"{JsonBody.Echo(key)}\" is not a token id.", "logit_bias"));
            }
        }

        return (bias, null);
    }
}

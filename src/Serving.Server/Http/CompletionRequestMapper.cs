using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Turns a completion's body into one engine request per prompt.</summary>
internal static class CompletionRequestMapper
{
    /// <summary>OpenAI's default of max_tokens for completions.</summary>
    public const int DefaultMaxTokens = 16;

    /// <summary>Maps a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="blank">A request with id, tenant and the name of the base model.</param>
    /// <param name="maxPrompts">Prompts at most.</param>
    public static (IReadOnlyList<GenerationRequest> Requests, RequestFailure? Failure) Map(CompletionRequest body, GenerationRequest blank, int maxPrompts)
    {
        if (body.Prompt is null || body.Prompt.Items.Count == 0)
        {
            return ([], Invalid(body.Prompt is null ? "is missing" : "expected at least one"));
        }

        if (body.Prompt.Items.Count > maxPrompts)
        {
            return ([], Invalid($"at most {maxPrompts} prompts"));
        }

        if (PromptScoring.Check(body.PromptLogprobs, body.Stream == true) is { } streamed)
        {
            return ([], streamed);
        }

        var (common, failure) = SamplingMapper.Apply(body, blank with
        {
            Model = body.Model ?? blank.Model,
            MaxTokens = body.MaxTokens ?? DefaultMaxTokens,
            TopLogprobs = body.Logprobs,
            TopLogprobsField = "logprobs",
            PromptLogprobs = body.PromptLogprobs,
            Echo = body.Echo ?? false,
        });
        return failure is not null ? ([], failure) : ([.. body.Prompt.Items.Select((item, index) => common with
        {
            Id = body.Prompt.Items.Count == 1 ? common.Id : $"{common.Id}-{index}",
            Prompt = item.Text is { } text ? new TextPrompt(text) : new TokenPrompt(item.Tokens!),
        })], null);
    }

    private static RequestFailure Invalid(string message) => new(RequestError.InvalidRequest, $"prompt: {message}.", "prompt");
}

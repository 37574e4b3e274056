using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using PromptCase = Serving.Protocol.V1.TokenizeRequest.PromptOneofCase;

namespace Serving.Server.Grpc.Mapping;

/// <summary>What is encoded, and what came of it.</summary>
internal static class TokenizationMapper
{
    /// <summary>The prompt of a request.</summary>
    public static (GenerationPrompt? Prompt, RequestFailure? Failure) Prompt(TokenizeRequest request) => request.PromptCase switch
    {
        PromptCase.Text => (new TextPrompt(request.Text), null),
        PromptCase.Chat => ChatMapper.Map(request.Chat),
        _ => (null, new RequestFailure(RequestError.InvalidRequest, "prompt: is missing: chat or text.", "prompt")),
    };

    /// <summary>The answer.</summary>
    public static TokenizeResponse Map(TokenizeResult result, bool withTexts, int maxModelLength)
    {
        var response = new TokenizeResponse { MaxModelLen = maxModelLength };
        response.TokenIds.AddRange(result.Tokens);
        if (withTexts)
        {
            response.TokenTexts.AddRange(result.TokenTexts);
        }

        return response;
    }
}

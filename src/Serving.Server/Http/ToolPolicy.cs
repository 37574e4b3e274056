using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>
/// What becomes of a chat's tools: they are handed to the template, and the answer stays text. So a call can be neither demanded nor prevented beyond not
/// showing the tools at all.
/// </summary>
internal static class ToolPolicy
{
    /// <summary>The failure of a choice that is known and not done, or null.</summary>
    public static RequestFailure? Check(ChatCompletionRequest body) =>
        body.ToolChoice is { ValueKind: not JsonValueKind.Null } choice && !KnownFields.IsText(choice, "none", "auto")
            ? KnownFields.NotSupported("tool_choice", choice)
            : null;

    /// <summary>The tools that the template sees.</summary>
    public static JsonElement? Shown(ChatCompletionRequest body) =>
        body.Tools is { ValueKind: not JsonValueKind.Null } && !(body.ToolChoice is { } choice && KnownFields.IsText(choice, "none")) ? body.Tools : null;
}

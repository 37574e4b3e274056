using System.Text.Json;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>
/// What the model's chat template writes around messages, found by rendering short conversations whose contents are marks and cutting the results at them. A template
/// that treats a role in a way of its own (a system message inside the user's, say) has no such text for it, and schemas that need it are refused.
/// </summary>
public sealed class ChatFrame
{
    // A noncharacter, so that no template and no tokenizer knows it; the number tells the marks apart.
    private const char Mark = '\uFDD1';

    private readonly Dictionary<MessageRole, (string? Before, string? Open, string? Close)> _roles = [];

    private ChatFrame()
    {
    }

    /// <summary>Finds the texts of a template; without one there are none.</summary>
    public static ChatFrame Of(ConversationRenderer? renderer)
    {
        var frame = new ChatFrame();
        if (renderer is null)
        {
            return frame;
        }

        var closeUser = Cut(renderer, "user")?[1];
        var closeAssistant = Cut(renderer, "user", "assistant")?[2];
        var turns = Cut(renderer, "user", "assistant", "user");
        var openAssistant = WithoutStart(turns?[1], closeUser);
        var openUser = WithoutStart(turns?[2], closeAssistant);
        var system = Cut(renderer, "system", "user");
        var bos = renderer.BosToken is { } token && system?[0].StartsWith(token, StringComparison.Ordinal) == true ? token : "";
        frame._roles[MessageRole.System] = (bos, WithoutStart(system?[0], bos), WithoutEnd(system?[1], openUser));
        frame._roles[MessageRole.User] = (WithoutEnd(turns?[0], openUser), openUser, closeUser);
        frame._roles[MessageRole.Assistant] = (bos, openAssistant, closeAssistant);
        return frame;
    }

    /// <summary>What stands before a conversation that begins with a role.</summary>
    /// <exception cref="PromptSchemaException">The template has no such text.</exception>
    public string Before(MessageRole role) => Get(role).Before ?? throw None(role);

    /// <summary>What opens a message.</summary>
    /// <exception cref="PromptSchemaException">The template has no such text.</exception>
    public string Open(MessageRole role) => Get(role).Open ?? throw None(role);

    /// <summary>What closes a message.</summary>
    /// <exception cref="PromptSchemaException">The template has no such text.</exception>
    public string Close(MessageRole role) => Get(role).Close ?? throw None(role);

    private static PromptSchemaException None(MessageRole role) =>
        new($"the model's chat template has no text of its own around a {role.ToString().ToLowerInvariant()} message", default);

    private static string? WithoutStart(string? text, string? start) =>
        text is not null && start is not null && text.StartsWith(start, StringComparison.Ordinal) ? text[start.Length..] : null;

    private static string? WithoutEnd(string? text, string? end) =>
        text is not null && end is not null && text.EndsWith(end, StringComparison.Ordinal) ? text[..^end.Length] : null;

    // The texts before, between and behind the contents, or null when the template does not render them one after the other.
    private static string[]? Cut(ConversationRenderer renderer, params IReadOnlyList<string> roles)
    {
        var messages = JsonSerializer.SerializeToElement(
            roles.Select((role, i) => new Dictionary<string, string> { ["role"] = role, ["content"] = $"{Mark}{i}{Mark}" }).ToList());
        string text;
        try
        {
            text = renderer.Render(messages, null, addGenerationPrompt: false, null);
        }
        catch (ChatTemplateException)
        {
            return null;
        }

        var parts = text.Split(Mark);
        var inOrder = parts.Length == (2 * roles.Count) + 1 && roles.Select((_, i) => parts[(2 * i) + 1] == $"{i}").All(same => same);
        return inOrder ? [.. parts.Where((_, i) => i % 2 == 0)] : null;
    }

    private (string? Before, string? Open, string? Close) Get(MessageRole role) => _roles.GetValueOrDefault(role);
}

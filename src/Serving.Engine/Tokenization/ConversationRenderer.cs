using System.Text.Json;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Tokenization;

/// <summary>A model's chat template with what it needs of the tokenizer: conversations to text.</summary>
/// <param name="tokenizer">For its special tokens.</param>
/// <param name="template">The template.</param>
/// <param name="time">For templates that print the date.</param>
/// <param name="withTools">The template of conversations that offer tools, where a model has one of its own for them.</param>
/// <param name="defaults">Variables for conversations that do not set them.</param>
public sealed class ConversationRenderer(
    Tokenizer tokenizer, ChatTemplate template, TimeProvider time, ChatTemplate? withTools = null, IReadOnlyDictionary<string, JsonElement>? defaults = null)
{
    /// <summary>Text of the token that begins a text, if there is one.</summary>
    public string? BosToken => tokenizer.BosToken;

    /// <summary>Whether a text is one of the tokens that were added to the model's vocabulary: a mark, that is, and no word.</summary>
    public bool HasMark(string text) => tokenizer.IsAdded(text);

    /// <summary>Renders a conversation. Special tokens in its strings are kept text; encode the result without adding any.</summary>
    /// <param name="messages">A JSON array of messages whose contents are strings.</param>
    /// <param name="tools">The tools offered, if any.</param>
    /// <param name="addGenerationPrompt">Whether the assistant's turn is opened.</param>
    /// <param name="arguments">Further variables, before the defaults.</param>
    /// <param name="guard">Marks special tokens in a string; null is the tokenizer's way.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails, or exceeds a limit.</exception>
    public string Render(
        JsonElement messages,
        JsonElement? tools,
        bool addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? arguments,
        Func<string, string>? guard = null) => (tools is null ? template : withTools ?? template).Render(new ChatTemplateInput
        {
            Messages = messages,
            Tools = tools,
            AddGenerationPrompt = addGenerationPrompt,
            BosToken = tokenizer.BosToken,
            EosToken = tokenizer.EosToken,
            Arguments = WithDefaults(arguments),
            Now = time.GetUtcNow(),
            GuardText = guard ?? tokenizer.Guard,
        });

    private IReadOnlyDictionary<string, JsonElement>? WithDefaults(IReadOnlyDictionary<string, JsonElement>? arguments) =>
        defaults is null ? arguments : arguments is null ? defaults : new Dictionary<string, JsonElement>(arguments.Concat(defaults.Where(usual => !arguments.ContainsKey(usual.Key))));
}

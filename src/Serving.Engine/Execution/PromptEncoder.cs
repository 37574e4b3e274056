using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Execution;

/// <summary>An encoded prompt, or why there is none.</summary>
public readonly record struct EncodedPrompt(int[] Tokens, RequestFailure? Failure);

/// <summary>
/// Turns prompts into token ids on the caller's thread, a few at a time: half the cores may tokenise at once, and a prompt is at most so many characters, so that
/// no flood of long prompts takes the cores from the engine.
/// </summary>
public sealed class PromptEncoder : IDisposable
{
    /// <summary>Characters of a prompt or rendered conversation; far more than a context holds.</summary>
    private const int MaxCharacters = 4 << 20;

    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate? _template;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turns = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Creates an encoder.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">Its chat template, if it has one.</param>
    /// <param name="time">For templates that print the date.</param>
    public PromptEncoder(Tokenizer tokenizer, ChatTemplate? template, TimeProvider time)
    {
        _tokenizer = tokenizer;
        _template = template;
        _time = time;
    }

    /// <summary>Encodes a prompt: text with or without special tokens, a conversation by the template and without adding any.</summary>
    public async ValueTask<EncodedPrompt> EncodeAsync(GenerationPrompt prompt, bool addSpecialTokens, CancellationToken cancellationToken)
    {
        if (prompt is TokenPrompt tokens)
        {
            return new EncodedPrompt([.. tokens.Tokens], null);
        }

        await _turns.WaitAsync(cancellationToken);
        try
        {
            return prompt switch
            {
                TextPrompt text => EncodeText(text.Text, addSpecialTokens),
                ChatPrompt chat => EncodeChat(chat),
                _ => throw new ArgumentException("Unknown kind of prompt.", nameof(prompt)),
            };
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <summary>Decodes ids, special tokens included.</summary>
    public string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens, skipSpecialTokens: false);

    /// <summary>The text of one token.</summary>
    public string TokenText(int token) => _tokenizer.IdToToken(token);

    /// <inheritdoc/>
    public void Dispose() => _turns.Dispose();

    private static EncodedPrompt Failed(string field, string message) =>
        new([], new RequestFailure(RequestError.InvalidRequest, message, field));

    private EncodedPrompt EncodeText(string text, bool addSpecialTokens) => text.Length > MaxCharacters
        ? Failed("prompt", $"A prompt has at most {MaxCharacters} characters.")
        : new EncodedPrompt(_tokenizer.EncodeToIds(text, addSpecialTokens), null);

    private EncodedPrompt EncodeChat(ChatPrompt chat)
    {
        if (_template is null)
        {
            return Failed("messages", "The model has no chat template; use /v1/completions, or serve a model whose tokenizer_config.json has one.");
        }

        try
        {
            var text = _template.Render(new ChatTemplateInput
            {
                Messages = ChatMessages.Normalize(chat.Messages),
                Tools = chat.Tools,
                AddGenerationPrompt = chat.AddGenerationPrompt,
                BosToken = _tokenizer.BosToken,
                EosToken = _tokenizer.EosToken,
                Arguments = chat.TemplateArguments,
                Now = _time.GetUtcNow(),
                GuardText = _tokenizer.Guard,
            });
            return text.Length > MaxCharacters
                ? Failed("messages", $"A conversation has at most {MaxCharacters} characters.")
                : new EncodedPrompt(_tokenizer.EncodeToIds(text, addSpecialTokens: false), null);
        }
        catch (ChatTemplateException exception)
        {
            return Failed("messages", "The chat template refused the conversation: " + exception.Message);
        }
    }
}

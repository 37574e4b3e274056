using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Engine.Turns;

namespace Serving.Engine.Execution;

/// <summary>An encoded prompt, or why there is none.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Failure">Why there are none.</param>
/// <param name="Modules">What it imports, and its positions; null for a prompt without a schema.</param>
public readonly record struct EncodedPrompt(int[] Tokens, RequestFailure? Failure, CompiledPrompt? Modules = null)
{
    /// <summary>The position of the first token behind it.</summary>
    public int NextPosition => Modules?.NextPosition ?? Tokens.Length;
}

/// <summary>
/// Turns prompts into token ids on the caller's thread, a few at a time: half the cores may tokenise at once, and a prompt is at most so many characters, so that
/// no flood of long prompts takes the cores from the engine, and tenants take turns, so that none waits behind another's.
/// </summary>
public sealed class PromptEncoder
{
    /// <summary>Characters of a prompt or rendered conversation; far more than a context holds.</summary>
    private const int MaxCharacters = ModulePromptEncoder.MaxCharacters;

    private readonly Tokenizer _tokenizer;
    private readonly ConversationRenderer? _renderer;
    private readonly ToolSupport _tools;
    private readonly ReasoningSupport _reasoning;
    private readonly ModulePromptEncoder _modules;
    private readonly TenantTurns _turns = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Creates an encoder.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="renderer">The chat template, if it has one.</param>
    /// <param name="tools">How the template takes calls of earlier messages.</param>
    /// <param name="reasoning">What the template reads of how much the model is to think.</param>
    /// <param name="modules">Encodes prompts that import modules.</param>
    public PromptEncoder(Tokenizer tokenizer, ConversationRenderer? renderer, ToolSupport tools, ReasoningSupport reasoning, ModulePromptEncoder modules)
    {
        _tokenizer = tokenizer;
        _renderer = renderer;
        _tools = tools;
        _reasoning = reasoning;
        _modules = modules;
    }

    /// <summary>Why no prompt imports modules of the model; null where they may.</summary>
    public string? SchemaRefusal { get; init; }

    /// <summary>Tokens of prompt and output together: bounds a prompt that is cut to what fits.</summary>
    public int MaxModelLength { get; init; } = int.MaxValue;

    /// <summary>Encodes a request's prompt, with the modules that it imports, and cuts it as the request has it.</summary>
    public ValueTask<EncodedPrompt> EncodeAsync(GenerationRequest request, AdapterRef? adapter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.SchemaName is not null && SchemaRefusal is { } refusal)
        {
            return ValueTask.FromResult(Failed("prompt_schema", refusal));
        }

        return request.SchemaName is not { } schema
            ? CutAsync(request, cancellationToken)
            : InTurnAsync(
                request.Tenant.Id,
                () =>
                {
                    var (prompt, failure) = _modules.Encode(request.Tenant, schema, request.Prompt, adapter?.Digest ?? Digest.None);
                    return new EncodedPrompt(prompt?.Tokens ?? [], failure, prompt);
                },
                cancellationToken);
    }

    /// <summary>Encodes a prompt: text with or without special tokens, a conversation by the template and without adding any.</summary>
    public async ValueTask<EncodedPrompt> EncodeAsync(TenantId tenant, GenerationPrompt prompt, bool addSpecialTokens, CancellationToken cancellationToken)
    {
        if (prompt is TokenPrompt tokens)
        {
            return new EncodedPrompt([.. tokens.Tokens], null);
        }

        return await InTurnAsync(
            tenant,
            () => prompt switch
            {
                TextPrompt text => EncodeText(text.Text, addSpecialTokens),
                ChatPrompt chat => EncodeChat(chat),
                _ => throw new ArgumentException("Unknown kind of prompt.", nameof(prompt)),
            },
            cancellationToken);
    }

    /// <summary>Does work that tokenises when it is a tenant's turn.</summary>
    public async ValueTask<T> InTurnAsync<T>(TenantId tenant, Func<T> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(work);
        await _turns.WaitAsync(tenant, cancellationToken);
        try
        {
            return work();
        }
        finally
        {
            _turns.Release(tenant);
        }
    }

    /// <summary>Decodes ids, special tokens included.</summary>
    public ValueTask<string> DecodeAsync(TenantId tenant, IReadOnlyList<int> tokens, CancellationToken cancellationToken) =>
        InTurnAsync(tenant, () => _tokenizer.Decode([.. tokens], skipSpecialTokens: false), cancellationToken);

    /// <summary>The texts of tokens, one by one.</summary>
    public ValueTask<IReadOnlyList<string>> TokenTextsAsync(TenantId tenant, IReadOnlyList<int> tokens, CancellationToken cancellationToken) =>
        InTurnAsync<IReadOnlyList<string>>(tenant, () => [.. tokens.Select(_tokenizer.IdToToken)], cancellationToken);

    private async ValueTask<EncodedPrompt> CutAsync(GenerationRequest request, CancellationToken cancellationToken)
    {
        var encoded = await EncodeAsync(request.Tenant.Id, request.Prompt, addSpecialTokens: true, cancellationToken);
        return encoded.Failure is null && request.Truncation is { } truncation
            ? encoded with { Tokens = truncation.Of(encoded.Tokens, truncation.Most(request.MaxTokens, MaxModelLength)) }
            : encoded;
    }

    private static EncodedPrompt Failed(string field, string message) =>
        new([], new RequestFailure(RequestError.InvalidRequest, message, field));

    private EncodedPrompt EncodeText(string text, bool addSpecialTokens) => text.Length > MaxCharacters
        ? Failed("prompt", $"A prompt has at most {MaxCharacters} characters.")
        : new EncodedPrompt(_tokenizer.EncodeToIds(text, addSpecialTokens), null);

    private EncodedPrompt EncodeChat(ChatPrompt chat)
    {
        if (_renderer is null)
        {
            return Failed("messages", "The model has no chat template; use /v1/completions, or name one at start with --chat-template.");
        }

        try
        {
            var arguments = _reasoning.Arguments(ReasoningRules.EffortOf(chat, _reasoning), chat.TemplateArguments);
            var messages = ChatMessages.Normalize(chat.Messages, _tools, _reasoning);
            var tools = ShownTools.Of(chat, _tools);
            var text = _renderer.Render(_tools.InSystemMessage && tools is { } shown ? SystemTools.In(messages, shown) : messages, tools, chat.AddGenerationPrompt, arguments);
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

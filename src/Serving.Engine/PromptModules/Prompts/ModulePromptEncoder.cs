using System.Text;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>Turns a request that names a schema into tokens, positions and imports: finds the schema, reads the modules, renders what follows them.</summary>
public sealed class ModulePromptEncoder
{
    /// <summary>Characters of a prompt or rendered conversation; far more than a context holds.</summary>
    public const int MaxCharacters = 4 << 20;

    // Stands where the modules stood while the conversation is rendered; a noncharacter, which no template and no tokenizer knows.
    private const string Mark = "\uFDD1";

    private readonly SchemaStore _store;
    private readonly ModuleTableCache _tables;
    private readonly SchemaCompiler _schemas;
    private readonly PromptCompiler _prompts;
    private readonly ConversationRenderer? _renderer;
    private readonly Digest _modelRevision;
    private readonly ToolSupport _tools;
    private readonly ReasoningSupport _reasoning;

    /// <summary>Creates an encoder.</summary>
    /// <param name="store">The schemas.</param>
    /// <param name="tables">Their runs under adapters and salts.</param>
    /// <param name="schemas">For the tokenizer and what stands around messages.</param>
    /// <param name="prompts">Puts prompts together.</param>
    /// <param name="renderer">The chat template, if the model has one.</param>
    /// <param name="modelRevision">Part of every module's key.</param>
    /// <param name="tools">How the template takes calls of earlier messages.</param>
    /// <param name="reasoning">What the template reads of how much the model is to think.</param>
    public ModulePromptEncoder(
        SchemaStore store, ModuleTableCache tables, SchemaCompiler schemas, PromptCompiler prompts, ConversationRenderer? renderer, Digest modelRevision, ToolSupport tools, ReasoningSupport reasoning)
    {
        _store = store;
        _tables = tables;
        _schemas = schemas;
        _prompts = prompts;
        _renderer = renderer;
        _modelRevision = modelRevision;
        _tools = tools;
        _reasoning = reasoning;
    }

    /// <summary>The runs of a schema for a tenant and an adapter. A public schema's are the same for every tenant.</summary>
    public ModuleTable TableOf(StoredSchema schema, Tenant tenant, Digest adapter)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(tenant);
        return _tables.Get(schema.Compiled, ModuleKeys.Root(_modelRevision, adapter, schema.Owner is null ? Digest.None : tenant.Salt));
    }

    /// <summary>Encodes a validated prompt.</summary>
    /// <param name="tenant">Whose request it is.</param>
    /// <param name="schema">The schema that it names.</param>
    /// <param name="prompt">A conversation with module parts, or a prompt written as PML.</param>
    /// <param name="adapter">The adapter's digest, or <see cref="Digest.None"/>.</param>
    /// <returns>The prompt or a failure, one of the two.</returns>
    public (CompiledPrompt? Prompt, RequestFailure? Failure) Encode(Tenant tenant, string schema, GenerationPrompt prompt, Digest adapter)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        if (_store.Find(tenant.Id.Value, schema) is not { } stored)
        {
            return (null, Failures.SchemaNotFound(schema));
        }

        var table = TableOf(stored, tenant, adapter);
        try
        {
            return prompt switch
            {
                ChatPrompt chat => EncodeChat(table, chat),
                TextPrompt text => EncodePml(table, schema, text.Text),
                _ => throw new ArgumentException("Unknown kind of prompt.", nameof(prompt)),
            };
        }
        catch (PromptSchemaException exception)
        {
            return Failed(prompt is ChatPrompt ? "messages" : "prompt", exception.Message);
        }
        catch (ChatTemplateException exception)
        {
            return Failed("messages", "The chat template refused the conversation: " + exception.Message);
        }
    }

    private static (CompiledPrompt?, RequestFailure) Failed(string field, string message) =>
        (null, new RequestFailure(RequestError.InvalidRequest, message, field));

    private (CompiledPrompt?, RequestFailure?) EncodeChat(ModuleTable table, ChatPrompt chat)
    {
        if (_renderer is null)
        {
            return Failed("messages", "The model has no chat template; use /v1/completions, or name one at start with --chat-template.");
        }

        var (conversation, failure) = ModuleParts.Read(chat.Messages, Mark, _tools, _reasoning);
        if (conversation is null)
        {
            return (null, failure);
        }

        var rendered = _renderer.Render(conversation.Messages, null, chat.AddGenerationPrompt, _reasoning.Arguments(ReasoningRules.EffortOf(chat, _reasoning), chat.TemplateArguments), Guard);
        var at = rendered.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0 || rendered.Length > MaxCharacters)
        {
            return Failed("messages", at < 0 ? "The chat template does not show the first message." : $"A conversation has at most {MaxCharacters} characters.");
        }

        return _prompts.Compile(table, conversation.Modules, string.Concat(table.Schema.ChatOpening, rendered.AsSpan(at + Mark.Length)), "messages");
    }

    // The text behind the mark will stand first: it is guarded as if nothing were before it.
    private string Guard(string text) => text.StartsWith(Mark, StringComparison.Ordinal)
        ? Mark + _schemas.Tokenizer.Guard(text[Mark.Length..])
        : _schemas.Tokenizer.Guard(text);

    private (CompiledPrompt?, RequestFailure?) EncodePml(ModuleTable table, string schema, string source)
    {
        var prompt = PmlPromptReader.Read(source, MaxCharacters);
        return prompt.Schema == schema
            ? _prompts.Compile(table, prompt.Modules, TextOf(table.Schema, prompt), "prompt")
            : Failed("prompt", $"The prompt is for the schema {MalformedFileException.Quote(prompt.Schema)}, not for that of prompt_schema.");
    }

    // Text goes on with the message that the schema left open; a message of the prompt's own closes that one first.
    private string TextOf(CompiledSchema schema, PmlPrompt prompt)
    {
        var (text, isOpen) = (new StringBuilder(), schema.Schema.EndsInUserMessage);
        for (var i = 0; i < prompt.Pieces.Count; i++)
        {
            var (role, content) = prompt.Pieces[i];
            if (role is not { } message)
            {
                text.Append(_schemas.Tokenizer.Guard(content));
                continue;
            }

            text.Append(isOpen ? _schemas.Frame.Close(MessageRole.User) : "");
            text.Append(_schemas.Frame.Open(message)).Append(_schemas.Tokenizer.Guard(content));
            isOpen = false;
            text.Append(prompt.StaysOpen && i == prompt.Pieces.Count - 1 ? "" : _schemas.Frame.Close(message));
        }

        return text.ToString();
    }
}

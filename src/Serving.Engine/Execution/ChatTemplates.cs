using System.Text;
using System.Text.Json;
using Serving.Engine.Models;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Templates;

namespace Serving.Engine.Execution;

/// <summary>The chat templates that a model is served with: its own, or the one that the options name in their place.</summary>
/// <param name="Plain">That of conversations without tools, and with tools where there is no other.</param>
/// <param name="WithTools">That of conversations that offer tools, where there is one for them.</param>
/// <param name="Arguments">Variables for conversations that do not set them.</param>
internal sealed record ChatTemplates(ChatTemplate Plain, ChatTemplate? WithTools, IReadOnlyDictionary<string, JsonElement>? Arguments)
{
    /// <summary>Reads them; null where there are none.</summary>
    /// <exception cref="ModelFormatException">The file that the options name is missing or wrong, or a variable is the server's to set.</exception>
    /// <exception cref="ChatTemplateException">A template of the model's is wrong.</exception>
    public static ChatTemplates? Open(EngineOptions options, Tokenizer tokenizer)
    {
        var arguments = options.DefaultTemplateArguments;
        if (arguments?.Keys.FirstOrDefault(TemplateVariables.IsReserved) is { } reserved)
        {
            throw new ModelFormatException($"default-chat-template-kwargs: '{reserved}' cannot be set.");
        }

        if (options.ChatTemplate is { } file)
        {
            return new ChatTemplates(Read(file), null, arguments);
        }

        return tokenizer.ChatTemplate is { } plain
            ? new ChatTemplates(ChatTemplate.Parse(plain), tokenizer.ToolChatTemplate is { } withTools ? ChatTemplate.Parse(withTools) : null, arguments)
            : null;
    }

    private static ChatTemplate Read(string file)
    {
        var path = Path.GetFullPath(file);
        var text = TokenizerFiles.Read(Path.GetDirectoryName(path) ?? path, Path.GetFileName(path), TokenizerLimits.ConfigBytes)
            ?? throw new ModelFormatException($"chat-template: there is no file {file}.");
        try
        {
            return ChatTemplate.Parse(Encoding.UTF8.GetString(text));
        }
        catch (ChatTemplateException exception)
        {
            throw new ModelFormatException($"chat-template: {file}: {exception.Message}", exception);
        }
    }
}

using System.Collections.Frozen;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tokenization;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>Turns schemas into tokens and positions of one model.</summary>
public sealed class SchemaCompiler
{
    private readonly int _maxModelLength;
    private readonly Lazy<ChatFrame> _frame;

    /// <summary>Creates a compiler.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="renderer">Its chat template, if it has one.</param>
    /// <param name="maxModelLength">Positions that the model has.</param>
    public SchemaCompiler(Tokenizer tokenizer, ConversationRenderer? renderer, int maxModelLength)
    {
        Tokenizer = tokenizer;
        _maxModelLength = maxModelLength;
        _frame = new Lazy<ChatFrame>(() => ChatFrame.Of(renderer));
    }

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What the chat template writes around messages.</summary>
    public ChatFrame Frame => _frame.Value;

    /// <summary>Compiles a schema.</summary>
    /// <exception cref="PromptSchemaException">It is longer than the model's context, has too many runs, or needs what the chat template does not have.</exception>
    public CompiledSchema Compile(PromptSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var layout = new SchemaLayout(Tokenizer, Frame);
        layout.Add(schema);
        if (layout.Length >= _maxModelLength)
        {
            throw new PromptSchemaException($"the schema takes {layout.Length} positions and leaves no room in a context of {_maxModelLength}", default);
        }

        if (layout.Runs.Count > SchemaLimits.Runs)
        {
            throw new PromptSchemaException($"the schema has {layout.Runs.Count} runs of text, more than {SchemaLimits.Runs}", default);
        }

        var numbers = layout.Modules.Select((module, i) => (module.Path, i)).Skip(1).ToFrozenDictionary(pair => pair.Path, pair => pair.i);
        return new CompiledSchema
        {
            Schema = schema,
            Version = SchemaDigest.Of(schema),
            Length = layout.Length,
            Modules = layout.Modules,
            Runs = layout.Runs,
            Numbers = numbers,
            Scaffolds = [.. schema.Scaffolds.Select(paths => paths.Select(path => numbers[path]).ToHashSet())],
            ChatOpening = schema.EndsInUserMessage || !layout.HasMessages ? "" : Frame.Open(MessageRole.User),
        };
    }
}

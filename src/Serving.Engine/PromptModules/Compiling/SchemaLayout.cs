using System.Text;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tokenization;

namespace Serving.Engine.PromptModules.Compiling;

/// <summary>
/// One walk through a schema that gives every token its position: text takes its tokens, a parameter its length, members of a union start together and the union
/// takes its longest. Each run of text is tokenised for itself.
/// </summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="frame">What the chat template writes around messages.</param>
internal sealed class SchemaLayout(Tokenizer tokenizer, ChatFrame frame)
{
    private readonly StringBuilder _text = new();
    private readonly List<int> _tokens = [];
    private readonly List<int> _positions = [];
    private readonly List<CompiledModule> _modules = [];
    private readonly List<CompiledRun> _runs = [];
    private int _unions;

    /// <summary>Positions so far.</summary>
    public int Length { get; private set; }

    /// <summary>Whether a message has been met.</summary>
    public bool HasMessages { get; private set; }

    /// <summary>The modules in order.</summary>
    public IReadOnlyList<CompiledModule> Modules => _modules;

    /// <summary>The runs in order.</summary>
    public IReadOnlyList<CompiledRun> Runs => _runs;

    /// <summary>Lays a schema out.</summary>
    public void Add(PromptSchema schema)
    {
        if (FirstMessage(schema.Children) is { } first)
        {
            // A conversation begins as the template begins it, wherever its first message stands; only one in the schema itself tells which it will be.
            var isSure = schema.Children.Any(child => ReferenceEquals(child, first));
            _text.Append(frame.Before(isSure ? first.Role : MessageRole.System));
            HasMessages = true;
        }
        else
        {
            // Without messages a schema begins as a plain prompt does.
            Place(tokenizer.Parts.Frame.Prefix);
        }

        var parameters = new List<CompiledParameter>();
        _modules.Add(Module("", -1, -1, 0, parameters));
        AddAll(schema.Children, 0, parameters, schema.EndsInUserMessage ? (SchemaMessage)schema.Children[^1] : null);
        EndRun(0);
        _modules[0] = _modules[0] with { Length = Length };
    }

    private static CompiledModule Module(string path, int parent, int union, int start, IReadOnlyList<CompiledParameter> parameters) =>
        new() { Path = path, Parent = parent, Union = union, Start = start, Length = 0, Parameters = parameters };

    private static SchemaMessage? FirstMessage(IEnumerable<SchemaNode> nodes) => nodes
        .Select(node => node switch
        {
            SchemaMessage message => message,
            SchemaModule module => FirstMessage(module.Children),
            SchemaUnion union => FirstMessage(union.Members),
            _ => null,
        })
        .FirstOrDefault(message => message is not null);

    private void AddAll(IEnumerable<SchemaNode> nodes, int module, List<CompiledParameter> parameters, SchemaMessage? staysOpen = null)
    {
        foreach (var node in nodes)
        {
            switch (node)
            {
                case SchemaText text:
                    _text.Append(tokenizer.Guard(text.Text));
                    break;
                case SchemaParameter parameter:
                    EndText();
                    parameters.Add(new CompiledParameter(parameter.Name, Length, parameter.Length, Scaffold(parameter)));
                    Length += parameter.Length;
                    break;
                case SchemaMessage message:
                    _text.Append(frame.Open(message.Role));
                    AddAll(message.Children, module, parameters);
                    _text.Append(ReferenceEquals(message, staysOpen) ? "" : frame.Close(message.Role));
                    break;
                case SchemaModule inner:
                    EndRun(module);
                    AddModule(inner, module, -1);
                    break;
                case SchemaUnion union:
                    EndRun(module);
                    AddUnion(union, module);
                    break;
            }
        }
    }

    private void AddUnion(SchemaUnion union, int parent)
    {
        var (start, end, number) = (Length, Length, _unions++);
        foreach (var member in union.Members)
        {
            Length = start;
            AddModule(member, parent, number);
            end = Math.Max(end, Length);
        }

        Length = end;
    }

    private void AddModule(SchemaModule module, int parent, int union)
    {
        var (number, start, parameters) = (_modules.Count, Length, new List<CompiledParameter>());
        _modules.Add(Module(SchemaNames.Join(_modules[parent].Path, module.Name), parent, union, start, parameters));
        AddAll(module.Children, number, parameters);
        EndRun(number);
        _modules[number] = _modules[number] with { Length = Length - start };
    }

    private int[] Scaffold(SchemaParameter parameter)
    {
        var tokens = parameter.Scaffold is null ? [] : tokenizer.EncodeToIds(tokenizer.Guard(parameter.Scaffold), addSpecialTokens: false);
        return tokens.Length <= parameter.Length
            ? tokens
            : throw new Reading.PromptSchemaException($"the scaffold of parameter '{parameter.Name}' has {tokens.Length} tokens, more than its length {parameter.Length}", default);
    }

    private void EndText()
    {
        if (_text.Length > 0)
        {
            Place(tokenizer.EncodeToIds(_text.ToString(), addSpecialTokens: false));
            _text.Clear();
        }
    }

    private void EndRun(int module)
    {
        EndText();
        if (_tokens.Count > 0)
        {
            _runs.Add(new CompiledRun(module, [.. _tokens], [.. _positions]));
            _tokens.Clear();
            _positions.Clear();
        }
    }

    private void Place(IReadOnlyList<int> tokens)
    {
        foreach (var token in tokens)
        {
            _tokens.Add(token);
            _positions.Add(Length++);
        }
    }
}

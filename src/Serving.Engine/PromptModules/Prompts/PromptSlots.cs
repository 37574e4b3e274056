using Serving.Engine.Models;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>What a request puts into a schema's places: arguments into parameters, text between modules into the gap before the next one.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="selection">The modules that are imported.</param>
internal sealed class PromptSlots(Tokenizer tokenizer, ModuleSelection selection)
{
    private readonly SortedDictionary<int, IReadOnlyList<int>> _filled = [];

    /// <summary>Positions and the tokens that begin there, in order.</summary>
    public IEnumerable<(int Position, IReadOnlyList<int> Tokens)> Filled => _filled.Select(pair => (pair.Key, pair.Value));

    /// <summary>Tokenises and places everything.</summary>
    /// <returns>The first failure, or null.</returns>
    public RequestFailure? Fill()
    {
        foreach (var (number, reference) in selection.References)
        {
            var module = selection.Schema.Modules[number];
            if ((FillGap(module, reference) ?? FillParameters(module, reference)) is { } failure)
            {
                return failure;
            }
        }

        return null;
    }

    private RequestFailure? FillParameters(CompiledModule module, ModuleReference reference)
    {
        foreach (var parameter in module.Parameters)
        {
            var tokens = reference.Arguments.TryGetValue(parameter.Name, out var text) ? Encode(text) : parameter.Scaffold;
            if (tokens.Count > parameter.Length)
            {
                return ModuleSelection.Invalid(
                    reference,
                    $"The argument for {MalformedFileException.Quote(parameter.Name)} of {MalformedFileException.Quote(module.Path)} has {tokens.Count} tokens; there is room for {parameter.Length}.",
                    $"arguments.{parameter.Name}");
            }

            Put(parameter.Position, tokens);
        }

        return null;
    }

    // Between what is imported before a module and the module itself lies what an unselected module or a short member of a union leaves free.
    private RequestFailure? FillGap(CompiledModule module, ModuleReference reference)
    {
        if (string.IsNullOrWhiteSpace(reference.TextBefore))
        {
            return null;
        }

        var tokens = Encode(reference.TextBefore);
        var start = EndBefore(module.Start);
        if (start + tokens.Length > module.Start)
        {
            return ModuleSelection.Invalid(
                reference,
                $"The text before the module {MalformedFileException.Quote(module.Path)} has {tokens.Length} tokens; the gap there has {module.Start - start}.",
                "text");
        }

        Put(start, tokens);
        return null;
    }

    private int EndBefore(int position)
    {
        var runs = selection.Schema.Runs.Where(run => selection.Holds(run.Module)).SelectMany(run => run.Positions).Where(taken => taken < position).Select(taken => taken + 1);
        var slots = selection.References.SelectMany(reference => selection.Schema.Modules[reference.Module].Parameters)
            .Where(parameter => parameter.Position < position).Select(parameter => parameter.Position + parameter.Length);
        var filled = _filled.Where(pair => pair.Key < position).Select(pair => pair.Key + pair.Value.Count);
        return runs.Concat(slots).Concat(filled).DefaultIfEmpty(0).Max();
    }

    private void Put(int position, IReadOnlyList<int> tokens)
    {
        if (tokens.Count > 0)
        {
            _filled.Add(position, tokens);
        }
    }

    private int[] Encode(string text) => tokenizer.EncodeToIds(tokenizer.Guard(text), addSpecialTokens: false);
}

using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>Puts a prompt together from a schema's runs and what is new: which runs, which tokens, at which positions.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="maxModelLength">Positions that the model has.</param>
public sealed class PromptCompiler(Tokenizer tokenizer, int maxModelLength)
{
    /// <summary>Compiles a prompt.</summary>
    /// <param name="table">The schema's runs under the request's adapter and salt.</param>
    /// <param name="references">The modules that are imported.</param>
    /// <param name="newText">What follows them, special tokens of the user guarded.</param>
    /// <param name="field">The field that holds the new text.</param>
    /// <returns>The prompt or a failure, one of the two.</returns>
    public (CompiledPrompt? Prompt, RequestFailure? Failure) Compile(ModuleTable table, IReadOnlyList<ModuleReference> references, string newText, string field)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(references);
        var selection = new ModuleSelection(table.Schema);
        if (selection.Add(references) is { } wrong)
        {
            return (null, wrong);
        }

        var slots = new PromptSlots(tokenizer, selection);
        var suffix = tokenizer.EncodeToIds(newText, addSpecialTokens: false);
        if ((slots.Fill() ?? Check(table.Schema, suffix, field)) is { } failure)
        {
            return (null, failure);
        }

        return (Assemble(table, selection, slots, suffix), null);
    }

    private RequestFailure? Check(CompiledSchema schema, int[] suffix, string field)
    {
        if (suffix.Length == 0)
        {
            return new RequestFailure(RequestError.InvalidRequest, "The prompt has no text behind its modules.", field);
        }

        var end = schema.Length + (long)suffix.Length;
        return end < maxModelLength ? null : new RequestFailure(
            RequestError.ContextTooLong,
            $"This model's maximum context length is {maxModelLength} tokens, but the schema's {schema.Length} positions and {suffix.Length} new tokens make {end}.",
            field);
    }

    private static CompiledPrompt Assemble(ModuleTable table, ModuleSelection selection, PromptSlots slots, int[] suffix)
    {
        var schema = table.Schema;
        var (runs, closing) = (table.Runs(selection.Scaffold), ClosingText.FirstRun(schema, selection));
        var (tokens, positions, imports, paths) = (new List<int>(), new List<int>(), new List<ModuleRef>(), new List<string>());
        for (var i = 0; i < closing; i++)
        {
            if (selection.Holds(schema.Runs[i].Module))
            {
                imports.Add(runs[i]);
                paths.Add(schema.Modules[schema.Runs[i].Module].Path);
                tokens.AddRange(runs[i].Tokens);
                positions.AddRange(runs[i].Positions);
            }
        }

        foreach (var (position, token) in Between(schema.Runs.Skip(closing).Where(run => selection.Holds(run.Module)), slots))
        {
            tokens.Add(token);
            positions.Add(position);
        }

        tokens.AddRange(suffix);
        positions.AddRange(Enumerable.Range(schema.Length, suffix.Length));
        return new CompiledPrompt { Tokens = [.. tokens], Positions = [.. positions], Imports = imports, ImportPaths = paths };
    }

    /// <summary>What is computed before the new text, by position: what fills the schema's places, and its closing text.</summary>
    private static IEnumerable<(int Position, int Token)> Between(IEnumerable<CompiledRun> closing, PromptSlots slots)
    {
        var filled = slots.Filled.SelectMany(slot => slot.Tokens.Select((token, i) => (Position: slot.Position + i, Token: token)));
        return filled.Concat(closing.SelectMany(run => run.Positions.Zip(run.Tokens, (position, token) => (Position: position, Token: token)))).OrderBy(pair => pair.Position);
    }
}

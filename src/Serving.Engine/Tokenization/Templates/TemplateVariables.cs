using System.Collections.Frozen;
using System.Text.Json;
using Serving.Engine.Tokenization.Templates.Builtins;
using Serving.Engine.Tokenization.Templates.Evaluation;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates;

/// <summary>The variables that a template starts with.</summary>
internal static class TemplateVariables
{
    /// <summary>Names that a request's arguments cannot set: what the server says itself, and arguments of transformers' renderer.</summary>
    private static readonly FrozenSet<string> Reserved = FrozenSet.ToFrozenSet(
    [
        "messages", "tools", "add_generation_prompt", "bos_token", "eos_token", "chat_template", "tokenize", "conversation", "loop", "self", "caller",
    ]);

    /// <summary>Reads the input, starts the budget's metering, and returns the outermost scope.</summary>
    public static VariableScope Read(ChatTemplateInput input, RenderBudget budget)
    {
        if (input.Messages.ValueKind != JsonValueKind.Array)
        {
            throw new TemplateFault("messages must be an array");
        }

        var json = new JsonInput(input.GuardText, budget);
        var scope = new VariableScope(null);
        scope.Set("documents", NoneValue.Instance);
        foreach (var (name, value) in input.Arguments ?? FrozenDictionary<string, JsonElement>.Empty)
        {
            if (IsReserved(name))
            {
                throw new TemplateFault($"the template argument '{name}' is reserved");
            }

            scope.Set(name, json.Read(value));
        }

        scope.Set("messages", json.Read(input.Messages));
        scope.Set("tools", input.Tools is { } tools ? json.Read(tools) : NoneValue.Instance);
        scope.Set("add_generation_prompt", BoolValue.Of(input.AddGenerationPrompt));
        SetToken(scope, "bos_token", input.BosToken);
        SetToken(scope, "eos_token", input.EosToken);
        budget.AdmitInput(json.Characters);
        return scope;
    }

    /// <summary>Whether a name cannot be a variable of whoever asks.</summary>
    public static bool IsReserved(string name) => Reserved.Contains(name) || GlobalTable.All.ContainsKey(name);

    private static void SetToken(VariableScope scope, string name, string? text)
    {
        if (text is not null)
        {
            scope.Set(name, new StringValue(text));
        }
    }
}

using Serving.Engine.PromptModules.Compiling;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>
/// The text that ends a schema's part of a prompt: runs behind the last imported module that belong to what is around it, such as the end of the system message.
/// Their stored states have not seen the module, as they are there without it too, and the answer is read off next to them. So a prompt takes them as new text,
/// which sees everything imported; with the same imports they are found in the prefix cache.
/// </summary>
internal static class ClosingText
{
    /// <summary>The first run, in the schema's order, that is computed with the request; the number of runs where none is.</summary>
    public static int FirstRun(CompiledSchema schema, ModuleSelection selection)
    {
        var inner = FirstInner(schema, selection);
        var first = schema.Runs.Count;
        for (var i = schema.Runs.Count - 1; i >= 0; i--)
        {
            var run = schema.Runs[i];
            if (!selection.Holds(run.Module))
            {
                continue;
            }

            if (inner[run.Module] >= run.Positions[0])
            {
                break;
            }

            first = i;
        }

        return first;
    }

    /// <summary>Per module, where the first imported module inside it begins; nothing is beyond every position.</summary>
    private static int[] FirstInner(CompiledSchema schema, ModuleSelection selection)
    {
        var first = new int[schema.Modules.Count];
        Array.Fill(first, int.MaxValue);
        foreach (var (number, _) in selection.References)
        {
            var module = schema.Modules[number];
            for (var outer = module.Parent; outer >= 0; outer = schema.Modules[outer].Parent)
            {
                first[outer] = Math.Min(first[outer], module.Start);
            }
        }

        return first;
    }
}

using System.Runtime.CompilerServices;
using Serving.Core.Modules;
using Serving.Simulation.Model;

namespace Serving.Simulation.Modules;

/// <summary>What the pages of a module must hold: the fake model applied to its context and its own tokens, and to nothing else.</summary>
internal static class ModuleContents
{
    private static readonly ConditionalWeakTable<ModuleRef, ulong[]> Known = [];

    /// <summary>The content of every token of a module.</summary>
    public static ulong[] Of(ModuleRef module) => Known.GetValue(module, static module =>
    {
        var state = TokenRule.Start;
        foreach (var before in module.Context)
        {
            state = Read(state, before);
        }

        var contents = new ulong[module.Tokens.Count];
        for (var i = 0; i < contents.Length; i++)
        {
            contents[i] = TokenRule.Content(state, module.Tokens[i], module.Positions[i]);
            state = TokenRule.Read(state, contents[i]);
        }

        return contents;
    });

    /// <summary>The state of a row after it has read a module.</summary>
    public static ulong Read(ulong state, ModuleRef module)
    {
        foreach (var content in Of(module))
        {
            state = TokenRule.Read(state, content);
        }

        return state;
    }
}

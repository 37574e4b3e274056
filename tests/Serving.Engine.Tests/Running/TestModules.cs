using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Prompts;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// A preamble and documents at fixed positions with gaps between them, as a schema would lay them out, and prompts that import some of them; or the same tokens at the same
/// positions without any modules.
/// </summary>
internal sealed class TestModules
{
    private const string Secret = "Document: Vault\nThe code of the vault is ";

    private static readonly string[] Documents =
    [
        "Document: Garden Diary\nThe code of the red lamp is 4711.\nOmar keeps his boat in the cellar.\nThe gate opens at 6.\n\n",
        "Document: Office Report\nThe phone extension of Clara is 190.\nThe chess race starts at 7:40 in room 3.\nThe printer on the second floor is out of paper, and the spare keys hang behind the door.\n\n",
        "Document: Kitchen Rules\nThe soup is served at noon.\n\n",
    ];

    private readonly Digest _root;
    private int _next;

    /// <summary>The modules of a tenant under an adapter.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="model">Its adapter, or the base.</param>
    /// <param name="secret">What stands in a sibling that nobody is to see.</param>
    public TestModules(Tenant tenant, string model, string secret = "1234")
    {
        _root = ModuleKeys.Root(Digest.Of("model"u8), model == "base" ? Digest.None : Digest.Of(System.Text.Encoding.UTF8.GetBytes(model)), tenant.Salt);
        Preamble = Module("<|im_start|>system\nUse the following documents.\n\n");
        Sibling = Module(Secret + secret + ".\n\n", Preamble);
        _next += 3;
        All = [.. Documents.Select(text => Module(text, Preamble))];
    }

    /// <summary>What stands first.</summary>
    public ModuleRef Preamble { get; }

    /// <summary>The document with the secret, before all others.</summary>
    public ModuleRef Sibling { get; }

    /// <summary>The documents.</summary>
    public ModuleRef[] All { get; }

    /// <summary>A prompt that imports the preamble and documents, and goes on behind all of them with a question.</summary>
    public CompiledPrompt Prompt(string question, params ModuleRef[] documents)
    {
        ModuleRef[] imports = [Preamble, .. documents];
        var own = Encode("<|im_end|>\n<|im_start|>user\n" + question + "<|im_end|>\n<|im_start|>assistant\n");
        return new CompiledPrompt
        {
            Tokens = [.. imports.SelectMany(import => import.Tokens), .. own],
            Positions = [.. imports.SelectMany(import => import.Positions), .. Enumerable.Range(_next, own.Length)],
            Imports = imports,
            ImportPaths = ["", .. Enumerable.Repeat("document", documents.Length)],
        };
    }

    /// <summary>The same tokens at the same positions as one plain sequence.</summary>
    public static CompiledPrompt Plain(CompiledPrompt prompt) => prompt with { Imports = [], ImportPaths = [] };

    // Any ids will do: what is compared is bits. Bytes of the text stay inside every vocabulary that tests use.
    private static int[] Encode(string text) => [.. System.Text.Encoding.UTF8.GetBytes(text).Select(value => 5 + value)];

    private ModuleRef Module(string text, params ModuleRef[] context)
    {
        var tokens = Encode(text);
        int[] positions = [.. Enumerable.Range(_next, tokens.Length).Select((position, i) => i < tokens.Length / 2 ? position : position + 7)];
        _next = positions[^1] + 4;
        return new ModuleRef { Key = ModuleKeys.Of(_root, context, tokens, positions), Tokens = tokens, Positions = positions, Context = context };
    }
}

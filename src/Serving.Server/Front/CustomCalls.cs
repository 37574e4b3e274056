using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Front;

/// <summary>Which calls of an answer are those of custom tools, and their texts, whole or as they come. Belongs to one answer.</summary>
/// <param name="prompt">What the answer is to.</param>
/// <param name="choices">Its choices.</param>
internal sealed class CustomCalls(GenerationPrompt prompt, int choices)
{
    private readonly IReadOnlySet<string>? _names = CustomTools.Names(prompt);
    private readonly CustomInputReader?[] _open = new CustomInputReader?[choices];

    /// <summary>Whether a tool is a custom one.</summary>
    public bool Is(string name) => _names?.Contains(name) == true;

    /// <summary>The text of a whole call; null for a function's.</summary>
    public string? InputOf(string name, string arguments) => Is(name) ? CustomInputReader.InputOf(arguments, CustomTools.Parameter) : null;

    /// <summary>What is new of the text of the call that a choice is making; null for a function's.</summary>
    /// <param name="choice">The choice, whose parts are given in order.</param>
    /// <param name="part">What is new of the call.</param>
    public string? Read(int choice, ToolCallDelta part)
    {
        if (part.Name is not null)
        {
            _open[choice] = Is(part.Name) ? new CustomInputReader(CustomTools.Parameter) : null;
        }

        return _open[choice]?.Append(part.Arguments);
    }
}

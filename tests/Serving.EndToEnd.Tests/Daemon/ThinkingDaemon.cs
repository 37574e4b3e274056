using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>A daemon whose model thinks before it answers every chat, and then calls a function if one is offered.</summary>
public sealed class ThinkingDaemon : IAsyncLifetime
{
    /// <summary>The model's name.</summary>
    public const string Model = "scripted";

    /// <summary>What it thinks.</summary>
    public const string Thoughts = "Hm, rain?";

    /// <summary>What it says before it calls.</summary>
    public const string Content = "I look.\n";

    /// <summary>The arguments of its call of f.</summary>
    public const string Arguments = "{\"a\": 1}";

    private readonly TemporaryFolder _folder = new();

    internal DaemonProcess Process { get; private set; } = null!;

    /// <summary>Where clients of the API are pointed to.</summary>
    public Uri Api => new(Process.Address, "/v1");

    public async ValueTask InitializeAsync()
    {
        // The prompt opens the thoughts: its last token is the first of the answer's.
        var template = ScriptedModel.Template("<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>")
            + "{% if add_generation_prompt %}<think>{% endif %}";
        ScriptedModel.Write(
            _folder.Path, template, "<think>", "\nHm,", " rain?", "</thi", "nk>", "\n\n", "I ", "look.\n", "<tool_call>\n{\"name\": \"f\", ", "\"arguments\": {\"a\"", ": 1}}\n</tool_call>");
        Process = await DaemonProcess.StartAsync("--model", _folder.Path, "--served-model-name", Model, "--device", "managed");
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _folder.Dispose();
    }
}

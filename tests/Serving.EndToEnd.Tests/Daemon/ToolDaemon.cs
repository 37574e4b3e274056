using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>A daemon whose model answers every chat with the same two calls, in the format that Hermes and Qwen have.</summary>
public sealed class ToolDaemon : IAsyncLifetime
{
    /// <summary>The model's name.</summary>
    public const string Model = "scripted";

    /// <summary>What it says before it calls.</summary>
    public const string Content = "I look it up.";

    /// <summary>The arguments of its first call, of get_weather; the second, of get_time, has none.</summary>
    public const string Arguments = "{\"city\": \"Oslo\", \"days\": [1, 2.5]}";

    private readonly TemporaryFolder _folder = new();

    internal DaemonProcess Process { get; private set; } = null!;

    /// <summary>Where clients of the API are pointed to.</summary>
    public Uri Api => new(Process.Address, "/v1");

    public async ValueTask InitializeAsync()
    {
        var template = ScriptedModel.Template("<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>");
        ScriptedModel.Write(
            _folder.Path,
            template,
            "I look",
            " it up.",
            "<tool_call>\n{\"name\": \"get_",
            "weather\", \"arguments\": ",
            "{\"city\": \"Os",
            "lo\", \"days\": ",
            "[1, 2.5]}}\n",
            "</tool_call>",
            "\n<tool_call>\n{\"name\": \"get_time\", ",
            "\"arguments\": {}}\n</tool_call>");
        Process = await DaemonProcess.StartAsync("--model", _folder.Path, "--served-model-name", Model, "--device", "managed");
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _folder.Dispose();
    }
}

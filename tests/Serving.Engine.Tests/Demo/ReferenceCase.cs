using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Testing;

namespace Serving.Engine.Tests.Demo;

/// <summary>One line of the bundled model's reference outputs, made by plain PyTorch in fp32.</summary>
public sealed record ReferenceCase(
    [property: JsonPropertyName("messages")] JsonElement Messages,
    [property: JsonPropertyName("prompt_ids")] int[] PromptIds,
    [property: JsonPropertyName("output_ids")] int[] OutputIds,
    [property: JsonPropertyName("output_text")] string OutputText,
    [property: JsonPropertyName("stopped")] bool Stopped,
    [property: JsonPropertyName("top5_ids")] int[] Top5Ids,
    [property: JsonPropertyName("top5_logits")] float[] Top5Logits,
    [property: JsonPropertyName("margins")] float[] Margins)
{
    /// <summary>The files that hold cases: the base model and its six adapters.</summary>
    public static IReadOnlyList<string> Models { get; } = ["base", "acme", "french", "json", "pirate", "shout", "terse"];

    /// <summary>The cases of one model.</summary>
    public static IReadOnlyList<ReferenceCase> Of(string model) =>
        [.. File.ReadLines(Path.Combine(Repository.DemoReferences, model + ".jsonl")).Select(line => JsonSerializer.Deserialize<ReferenceCase>(line)!)];
}

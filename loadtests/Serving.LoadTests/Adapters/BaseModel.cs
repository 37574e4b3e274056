using System.Text.Json;
using Serving.LoadTests.Commands;
using Serving.LoadTests.Scenarios;
using Serving.Testing.Adapters;

namespace Serving.LoadTests.Adapters;

/// <summary>The sizes of a base model, from its Hugging Face <c>config.json</c>.</summary>
internal static class BaseModel
{
    /// <summary>Largest configuration that is read, bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxLayers = 1024;
    private const int MaxWidth = 1 << 20;
    private const int MaxExperts = 512;

    /// <summary>The model that is in the repository.</summary>
    public static AdapterDimensions Bundled()
    {
        using var resource = typeof(BaseModel).Assembly.GetManifestResourceStream("Bundled.config.json")!;
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return Read(bytes);
    }

    /// <summary>A model's folder, or the file itself.</summary>
    /// <exception cref="ScenarioException">It is not there, or not of that kind.</exception>
    public static AdapterDimensions Load(string folderOrFile)
    {
        var path = Directory.Exists(folderOrFile) ? Path.Combine(folderOrFile, "config.json") : folderOrFile;
        try
        {
            return Read(ScenarioFiles.ReadBounded(path, MaxBytes));
        }
        catch (FileNotFoundException)
        {
            throw new ScenarioException($"{path}: there is no such file; --base takes a model's folder, or its config.json");
        }
        catch (ScenarioException exception)
        {
            throw new ScenarioException([.. exception.Errors.Select(error => error.StartsWith(path, StringComparison.Ordinal) ? error : $"{path}: {error}")]);
        }
    }

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="ScenarioException">A size is missing, or out of range.</exception>
    public static AdapterDimensions Read(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 16 });
            var fields = document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement : throw new ScenarioException("is not a model's configuration");
            var (hidden, heads) = (Size(fields, "hidden_size", MaxWidth), Size(fields, "num_attention_heads", MaxWidth));
            var keys = Given(fields, "num_key_value_heads") ? Size(fields, "num_key_value_heads", MaxWidth) : heads;
            var head = Given(fields, "head_dim") ? Size(fields, "head_dim", MaxWidth) : hidden / heads;
            if ((long)heads * head is 0 or > MaxWidth || (long)keys * head > MaxWidth)
            {
                throw new ScenarioException($"heads and their size give no width from 1 to {MaxWidth}");
            }

            return new AdapterDimensions(Size(fields, "num_hidden_layers", MaxLayers), hidden, Size(fields, "intermediate_size", MaxWidth), heads * head, keys * head)
            {
                Mixture = MixtureOf(fields),
            };
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // Lone surrogates in names are found only when they are looked at.
            throw new ScenarioException("is not valid JSON");
        }
    }

    /// <summary>Experts that are modules: Qwen3's and Mixtral's. Granite's are one tensor, which these adapters cannot name: of such a base they change attention.</summary>
    private static AdapterMixture? MixtureOf(JsonElement fields) => Given(fields, "num_experts") && Given(fields, "moe_intermediate_size")
        ? new AdapterMixture(Size(fields, "num_experts", MaxExperts), Size(fields, "moe_intermediate_size", MaxWidth), IsMixtral: false)
        : Given(fields, "model_type") && fields.GetProperty("model_type").ValueEquals("mixtral")
            ? new AdapterMixture(Size(fields, "num_local_experts", MaxExperts), Size(fields, "intermediate_size", MaxWidth), IsMixtral: true)
            : null;

    private static bool Given(JsonElement fields, string name) => fields.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    private static int Size(JsonElement fields, string name, int most) =>
        fields.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var size) && size >= 1 && size <= most
            ? size
            : throw new ScenarioException($"{name} must be a whole number from 1 to {most}");
}

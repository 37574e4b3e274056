using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>Finds the scheme that a model's <c>quantization_config</c> names.</summary>
public static class WeightSchemes
{
    private const string Key = "quantization_config";

    private static readonly (string Method, Func<JsonFields, WeightScheme> Read)[] Methods =
    [
        ("fp8", Float8Scheme.Read),
        ("fbgemm_fp8", Float8Scheme.Read),
        ("compressed-tensors", CompressedTensorsScheme.Read),
        ("gptq", GptqScheme.Read),
        ("awq", AwqScheme.Read),
        ("bitsandbytes", BitsAndBytesScheme.Read),
        ("mxfp4", Mxfp4Scheme.Read),
    ];

    /// <summary>The scheme of a model's folder; null where its weights are plain floats.</summary>
    /// <exception cref="ModelFormatException">A scheme, or something of it, that is not known or not done; the message names it.</exception>
    public static WeightScheme? Of(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Read(folder.ConfigText);
    }

    /// <summary>The scheme that the text of a <c>config.json</c> names. Where the decoder is a part of the model the key may stand with either.</summary>
    /// <exception cref="ModelFormatException">A scheme, or something of it, that is not known or not done; the message names it.</exception>
    public static WeightScheme? Read(ReadOnlyMemory<byte> configText)
    {
        try
        {
            var fields = JsonFields.Parse(configText);
            var (outer, inner) = (fields.Object(Key), fields.Object("text_config")?.Object(Key));
            if (outer is not null && inner is not null)
            {
                throw new MalformedFileException($"{Key} stands in the file twice");
            }

            return (outer ?? inner) is { } config && config.Element.EnumerateObject().Any() ? Read(config) : null;
        }
        catch (MalformedFileException e)
        {
            throw new ModelFormatException($"config.json: {e.Message}", e);
        }
    }

    private static WeightScheme Read(JsonFields config)
    {
        var method = config.Text("quant_method")
            ?? throw new MalformedFileException(config.Has("group_size") && config.Has("bits") ? $"{Key} without quant_method, as MLX writes it, is not supported" : $"{Key}.quant_method is missing");
        foreach (var (name, read) in Methods)
        {
            if (name == method)
            {
                return read(config);
            }
        }

        throw new MalformedFileException($"quant_method {MalformedFileException.Quote(method)} is not supported ({string.Join(", ", Methods.Select(known => known.Method))} are)");
    }
}

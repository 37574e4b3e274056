using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>A model read from its files: program, tokenizer, template and defaults; the weights are in the backend.</summary>
/// <param name="Name">Its served name.</param>
/// <param name="Files">Its files.</param>
/// <param name="Program">Its program.</param>
/// <param name="WeightFormat">The format that its matrices were asked for in; some may stay in the checkpoint's own.</param>
/// <param name="Templates">Its chat templates, if it has any.</param>
/// <param name="Defaults">Generation defaults, or none of them when they are switched off.</param>
internal sealed record LoadedModel(
    string Name,
    ModelFiles Files,
    ModelProgram Program,
    WeightFormat WeightFormat,
    ChatTemplates? Templates,
    GenerationConfig Defaults)
{
    /// <summary>The longest context on a CPU unless one is asked for: a prompt of that length takes seconds, not minutes.</summary>
    private const int DefaultMaxModelLength = 8192;

    private const string Automatic = "auto";

    /// <summary>Reads everything but the weights.</summary>
    /// <param name="options">What to serve and how.</param>
    /// <param name="isOnHost">Whether a CPU will compute it.</param>
    /// <param name="readsIntegers">Whether a GPU that will do so multiplies with matrices of integers as they are.</param>
    /// <exception cref="ModelFormatException">A file is missing, malformed or of a kind that is not served.</exception>
    public static LoadedModel Open(EngineOptions options, bool isOnHost, bool readsIntegers = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        var location = ModelLocator.Locate(options.Model);
        var files = ModelFiles.Open(location);
        var name = options.ServedModelName ?? location.Name;
        var length = MaxModelLength(options, files.Config.MaxPositions);
        var format = FormatOf(options.Quantization, isOnHost && files.WeightScheme is not null);
        var program = ModelRegistry.Build(name, files.Config, length);
        var keepsStored = options.Quantization == Automatic && !isOnHost && readsIntegers && files.WeightScheme is not null;
        return new LoadedModel(
            name,
            files,
            Quantize(program with { Shape = program.Shape with { KeyValues = KeyValuesOf(options.KeyValueCacheType) } }, format, files, keepsStored),
            format,
            ChatTemplates.Open(options, files.Tokenizer),
            options.UseGenerationConfig ? files.Generation : files.Generation.WithoutDefaults());
    }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer => Files.Tokenizer;

    /// <summary>Its chat templates, ready to render; null without any.</summary>
    public ConversationRenderer? Renderer(TimeProvider time) =>
        Templates is null ? null : new ConversationRenderer(Tokenizer, Templates.Plain, time, Templates.WithTools, Templates.Arguments);

    /// <summary>Parameters of the base model.</summary>
    public long ParameterCount => Program.Weights.Sum(weight => (long)weight.Rows * weight.Columns);

    /// <summary>Bytes of the weights as a backend packs them.</summary>
    public long PackedBytes(IComputeBackend backend) => Program.Weights.Sum(weight => backend.PackedBytes(weight.Index));

    /// <summary>The formats of the matrices in words: those in which some stay, and what was asked for; bf16 where a matrix that could be of integers is in it.</summary>
    public string Formats
    {
        get
        {
            var kept = KeptFormats.Where(format => Program.Weights.Any(weight => weight.Format == format));
            string[] names = [.. kept.Concat(WeightFormat != WeightFormat.BFloat16 || HasPlainMatrices ? [WeightFormat] : []).Distinct().Select(NameOf)];
            return names.Length > 1 ? $"{string.Join(", ", names[..^1])} and {names[^1]}" : names[0];
        }
    }

    /// <summary>The format of keys and values in a word.</summary>
    public string KeyValues => Program.Shape.KeyValues == KeyValueFormat.Int8 ? "int8" : "bf16";

    /// <summary>What stays in bf16 in any format, a router above all, is not counted.</summary>
    private bool HasPlainMatrices =>
        ProgramQuantization.Apply(Program, WeightFormat.Int8).Weights.Any(weight => weight.Format == WeightFormat.Int8 && Program.Weights[weight.Index].Format == WeightFormat.BFloat16);

    /// <summary>Beside a format of integers eight bits are what embeddings have in any case.</summary>
    private IEnumerable<WeightFormat> KeptFormats
    {
        get
        {
            WeightFormat[] ofFourBits = [WeightFormat.Mxfp4, WeightFormat.Iq4, WeightFormat.Int4, WeightFormat.Int4Asymmetric];
            return WeightFormat == WeightFormat.BFloat16 ? ofFourBits.Append(WeightFormat.Int8) : ofFourBits;
        }
    }

    private static ModelProgram Quantize(ModelProgram program, WeightFormat format, ModelFiles files, bool keepsStored)
    {
        if (format == WeightFormat.BFloat16 && !keepsStored)
        {
            return program;
        }

        using var weights = files.OpenWeights();
        return keepsStored ? StoredFormats.KeepQuantized(program, weights) : StoredFormats.Keep(ProgramQuantization.Apply(program, format), weights);
    }

    private static string NameOf(WeightFormat format) => format switch
    {
        WeightFormat.Int8 => "int8",
        WeightFormat.Int4 => "int4",
        WeightFormat.Int4Asymmetric => "int4 with offsets",
        WeightFormat.Mxfp4 => "mxfp4",
        WeightFormat.Iq4 => "iq4",
        _ => "bf16",
    };

    /// <summary>
    /// By itself a CPU takes a checkpoint's integers for what they are, and rounds the rest of it: who has chosen such a file has neither the memory nor the time for 16 bits a weight. On a GPU the
    /// matrices that are quantized become integers, too, and the rest is left.
    /// </summary>
    private static WeightFormat FormatOf(string quantization, bool isQuantizedOnHost) => quantization switch
    {
        Automatic => isQuantizedOnHost ? WeightFormat.Int8 : WeightFormat.BFloat16,
        "none" => WeightFormat.BFloat16,
        "int8" => WeightFormat.Int8,
        "int4" => WeightFormat.Int4,
        _ => throw new ModelFormatException($"Unknown quantization '{quantization}'; it is auto, none, int8 or int4."),
    };

    private static KeyValueFormat KeyValuesOf(string type) => type switch
    {
        "auto" or "bf16" => KeyValueFormat.BFloat16,
        "int8" => KeyValueFormat.Int8,
        _ => throw new ModelFormatException($"Keys and values cannot be kept as '{type}'; that is auto, bf16 or int8."),
    };

    private static int MaxModelLength(EngineOptions options, int positions)
    {
        if (options.MaxModelLength is not { } wanted)
        {
            return Math.Min(positions, DefaultMaxModelLength);
        }

        return wanted <= positions
            ? wanted
            : throw new ModelFormatException($"max-model-len {wanted} is more than the model's {positions} positions.");
    }
}

using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// Reads a LoRA in llama.cpp's format (<c>convert_lora_to_gguf.py</c>): for each matrix NAME of the model that it changes, NAME.lora_a and NAME.lora_b. Strict: every tensor must belong to
/// a matrix that adapters change, every pair be whole, all shapes fit, all values be finite. Without a configuration beside it, what is there is what it changes.
/// </summary>
public static class GgufAdapterReader
{
    /// <summary>What such a file is called in a folder of its own.</summary>
    public const string FileName = "adapter_model.gguf";

    /// <summary>How such files' names end.</summary>
    public const string Extension = ".gguf";

    private const string AlphaKey = "adapter.lora.alpha";
    private const string HalfA = ".lora_a";
    private const string HalfB = ".lora_b";
    private const int MaxHeaderBytes = 64 << 20;

    /// <summary>Keys of adapters that change nothing of what is computed. Every other one is refused: activated LoRA's tokens, and what is not known yet.</summary>
    private static readonly string[] KnownKeys = ["adapter.type", AlphaKey, "adapter.lora.task_name", "adapter.lora.prompt_prefix"];

    /// <summary>Reads an adapter from the bytes of its file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="program">The model.</param>
    /// <param name="architecture">What its <c>config.json</c> calls it.</param>
    /// <param name="adaptsExperts">Whether the device runs adapters of experts, and of what chooses them; where not, one that has any is refused.</param>
    /// <exception cref="AdapterFormatException">Malformed, unfit for the model, or not supported; the message contains no path.</exception>
    public static AdapterContent Read(ReadOnlyMemory<byte> file, ModelProgram program, string architecture, bool adaptsExperts = true) =>
        Read(FileBytes.Of(file), program, architecture, adaptsExperts);

    /// <inheritdoc cref="Read(ReadOnlyMemory{byte}, ModelProgram, string, bool)"/>
    internal static AdapterContent Read(FileBytes file, ModelProgram program, string architecture, bool adaptsExperts)
    {
        ArgumentNullException.ThrowIfNull(program);
        var family = GgufAdapterFamily.Of(architecture);
        try
        {
            using var start = file.OpenStart(MaxHeaderBytes);
            var header = GgufHeader.Read(start, file.Length);
            CheckMetadata(header.Metadata, family);
            var slices = Convert(file, Match(header, GgufAdapterTarget.Of(program, family), adaptsExperts), AlphaOf(header.Metadata));
            return new AdapterContent(new AdapterWeights(slices), DigestOf(file), slices.Sum(slice => 2L * (slice.A.Length + slice.B.Length)));
        }
        catch (MalformedFileException e)
        {
            throw new AdapterFormatException((e as AdapterFormatException)?.Failure ?? AdapterFailure.Corrupt, $"GGUF file: {e.Message}", e);
        }
    }

    private static Digest DigestOf(FileBytes file)
    {
        Span<byte> digest = stackalloc byte[Digest.SizeBytes];
        file.Hash(digest);
        return new Digest(digest);
    }

    private static void CheckMetadata(GgufMetadata metadata, GgufAdapterFamily family)
    {
        Require(metadata, "general.type", "adapter");
        Require(metadata, "adapter.type", "lora");
        if (metadata.Keys.FirstOrDefault(key => key.StartsWith("adapter.", StringComparison.Ordinal) && !KnownKeys.Contains(key)) is { } unknown)
        {
            throw Unsupported($"{MalformedFileException.Quote(unknown)} is not supported");
        }

        if (metadata.Integer("split.count") is > 1)
        {
            throw Unsupported("it is a part of an adapter; parts are not put together here");
        }

        var architecture = metadata.Text("general.architecture") ?? throw GgufMetadata.Missing("general.architecture");
        if (architecture != family.Name)
        {
            throw new MalformedFileException($"it is for models of the architecture {MalformedFileException.Quote(architecture)}, and this one is of {family.Name}");
        }
    }

    private static void Require(GgufMetadata metadata, string key, string expected)
    {
        var value = metadata.Text(key) ?? throw GgufMetadata.Missing(key);
        if (value != expected)
        {
            throw Unsupported($"{key} {MalformedFileException.Quote(value)} is not supported ({expected} is)");
        }
    }

    private static double AlphaOf(GgufMetadata metadata)
    {
        var alpha = metadata.Number(AlphaKey) ?? 0;
        return Math.Abs(alpha) <= PeftConfig.MaxAlpha ? alpha : throw new MalformedFileException($"{AlphaKey} is larger than {PeftConfig.MaxAlpha}");
    }

    /// <summary>llama.cpp's factor: alpha ÷ rank, and 1 where alpha is none or 0. What was rank-stabilized has that in its alpha.</summary>
    private static float ScaleOf(double alpha, int rank) => alpha == 0 ? 1 : (float)(alpha / rank);

    private static List<GgufAdapterPair> Match(GgufHeader header, Dictionary<string, GgufAdapterTarget> targets, bool adaptsExperts)
    {
        var pairs = new List<GgufAdapterPair>();
        foreach (var (name, tensor) in header.Tensors)
        {
            var half = new[] { HalfA, HalfB }.FirstOrDefault(half => name.EndsWith(half, StringComparison.Ordinal));
            if (half is null || !targets.TryGetValue(name[..^half.Length], out var target))
            {
                throw Refusal(name);
            }

            if (target.IsOfMixture && !adaptsExperts)
            {
                throw Unsupported($"tensor {MalformedFileException.Quote(name)} is a LoRA of experts or of what chooses them, which this device does not run (CPUs do)");
            }

            if (!header.Tensors.TryGetValue(target.Name + (half == HalfA ? HalfB : HalfA), out var other))
            {
                throw new MalformedFileException($"tensor {MalformedFileException.Quote(name)} is there without its other half");
            }

            if (half == HalfA)
            {
                pairs.Add(GgufAdapterPair.Of(target, tensor, other));
            }
        }

        return pairs.Count > 0 ? pairs : throw new MalformedFileException("the adapter changes nothing");
    }

    private static List<AdapterSlice> Convert(FileBytes file, List<GgufAdapterPair> pairs, double alpha)
    {
        var elements = pairs.Sum(pair => pair.Elements);
        if (elements > Array.MaxLength)
        {
            throw new AdapterFormatException(AdapterFailure.TooLarge, FormattableString.Invariant($"its matrices have {elements} elements, more than the {Array.MaxLength} that are kept of one adapter"));
        }

        // One array for all matrices: an adapter is one object to the collector, however many slices it has.
        var rest = GC.AllocateUninitializedArray<ushort>((int)elements).AsMemory();
        var (slices, content, scratch) = (new List<AdapterSlice>(), new GgufMemory(file), new LoadScratch());
        foreach (var pair in pairs)
        {
            slices.AddRange(pair.Read(content, ScaleOf(alpha, pair.Rank), rest[..(int)pair.Elements], scratch));
            rest = rest[(int)pair.Elements..];
        }

        return [.. slices.OrderBy(slice => slice.Slice).ThenBy(slice => slice.Expert)];
    }

    private static AdapterFormatException Refusal(string name)
    {
        var what = name.StartsWith(GgufNames.Embedding, StringComparison.Ordinal) ? "is a LoRA of embeddings, which is not supported"
            : name.StartsWith(GgufNames.Head, StringComparison.Ordinal) ? "is a LoRA of the output projection, which is not supported"
            : name.EndsWith("_norm.weight", StringComparison.Ordinal) ? "is the weight of a norm, which adapters cannot change"
            : "is not of a projection that this model has, or that adapters of it change";
        return Unsupported($"tensor {MalformedFileException.Quote(name)} {what}");
    }

    private static AdapterFormatException Unsupported(string reason) => new(AdapterFailure.Unsupported, reason);
}

using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>What <c>adapter_config.json</c> says about a LoRA (huggingface/peft, <c>LoraConfig</c>).</summary>
internal sealed class PeftConfig
{
    /// <summary>Largest rank of a module.</summary>
    public const int MaxRank = 256;

    /// <summary>Largest magnitude of alpha.</summary>
    public const double MaxAlpha = 1e6;

    /// <summary>Keys that change what the adapter computes and are not done: refused unless absent, null, false or empty.</summary>
    private static readonly string[] Refused =
    [
        "modules_to_save", "fan_in_fan_out", "lora_bias", "use_qalora", "layer_replication", "trainable_token_indices",
        "alora_invocation_tokens", "arrow_config", "megatron_config", "use_bdlora", "lora_ga_config",
    ];

    private readonly PeftPatterns _ranks;
    private readonly PeftPatterns _alphas;
    private readonly bool _rankStabilized;

    private PeftConfig(PeftTargets targets, PeftParameters parameters, PeftPatterns ranks, PeftPatterns alphas, bool rankStabilized, bool hasMagnitudes)
    {
        Targets = targets;
        Parameters = parameters;
        _ranks = ranks;
        _alphas = alphas;
        _rankStabilized = rankStabilized;
        HasMagnitudes = hasMagnitudes;
    }

    /// <summary>Which modules have a LoRA.</summary>
    public PeftTargets Targets { get; }

    /// <summary>Which parameters have one that are no Linears' weights.</summary>
    public PeftParameters Parameters { get; }

    /// <summary>Whether every targeted module has magnitudes (DoRA).</summary>
    public bool HasMagnitudes { get; }

    /// <summary>Reads the text of an <c>adapter_config.json</c>.</summary>
    public static PeftConfig Parse(ReadOnlyMemory<byte> text)
    {
        var fields = JsonFields.Parse(text);
        RequireLora(fields);
        foreach (var name in Refused)
        {
            if (fields.TryGet(name, out var value) && !IsOff(value))
            {
                throw Unsupported($"{name} is not supported");
            }
        }

        var bias = fields.Text("bias", "none");
        if (bias != "none")
        {
            throw Unsupported($"bias {MalformedFileException.Quote(bias)} is not supported (none is)");
        }

        var rank = fields.Int("r", 1, int.MaxValue);
        var ranks = PeftPatterns.Parse(fields, "rank_pattern", rank, 1, int.MaxValue);
        var alphas = PeftPatterns.Parse(fields, "alpha_pattern", fields.Number("lora_alpha", -MaxAlpha, MaxAlpha, 8), -MaxAlpha, MaxAlpha);
        var parameters = PeftParameters.Parse(fields);
        var hasMagnitudes = fields.Flag("use_dora", false);
        if (hasMagnitudes && parameters.Names.Count > 0)
        {
            throw Unsupported("use_dora is not supported with target_parameters");
        }

        return new PeftConfig(PeftTargets.Parse(fields, parameters.Names.Count > 0), parameters, ranks, alphas, fields.Flag("use_rslora", false), hasMagnitudes);
    }

    /// <summary>The rank of a module, 1 … 256.</summary>
    public int RankOf(string module)
    {
        var rank = _ranks.For(module);
        return rank == Math.Floor(rank) && rank <= MaxRank ? (int)rank : throw Unsupported(
            FormattableString.Invariant($"rank {rank} is not supported (whole ranks from 1 to {MaxRank} are)"));
    }

    /// <summary>alpha ÷ rank, or alpha ÷ √rank where the rank is stabilized (rsLoRA, arXiv 2312.03732).</summary>
    public float ScaleOf(string module, int rank) => (float)(_alphas.For(module) / (_rankStabilized ? Math.Sqrt(rank) : rank));

    private static void RequireLora(JsonFields fields)
    {
        var kind = fields.Text("peft_type");
        if (kind != "LORA")
        {
            throw Unsupported($"peft_type {MalformedFileException.Quote(kind)} is not supported (LORA is)");
        }

        var task = fields.Text("task_type", "CAUSAL_LM");
        if (task is not ("CAUSAL_LM" or "FEATURE_EXTRACTION"))
        {
            throw Unsupported($"task_type {MalformedFileException.Quote(task)} is not supported (CAUSAL_LM and FEATURE_EXTRACTION are)");
        }
    }

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static AdapterFormatException Unsupported(string reason) => new(AdapterFailure.Unsupported, reason);
}

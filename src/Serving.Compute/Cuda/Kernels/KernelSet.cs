using System.Collections.Frozen;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>The kernels that the backend launches, found in a module by their names.</summary>
internal sealed class KernelSet
{
    /// <summary>SRV_SAMPLE_SHARED.</summary>
    public const int SampleSharedBytes = 20480;

    /// <summary>SRV_SMALL_VOCABULARY.</summary>
    public const int SmallVocabulary = 2048;

    /// <summary>SRV_ATTENTION_DECODE_SHARED.</summary>
    public const int DecodeSharedBytes = 3 * 2 * 64 * 128 * 2;

    /// <summary>SRV_ATTENTION_PREFILL_SHARED.</summary>
    public const int PrefillSharedBytes = 3 * 2 * 64 * 128 * 2;

    /// <summary>SRV_ATTENTION_WGMMA_SHARED.</summary>
    public const int WgmmaSharedBytes = 5 * 2 * 64 * 128 * 2;

    /// <summary>SRV_ATTENTION_DECODE_INT8_SHARED.</summary>
    public const int DecodeInt8SharedBytes = 88832;

    /// <summary>SRV_ATTENTION_PREFILL_INT8_SHARED.</summary>
    public const int PrefillInt8SharedBytes = 100352;

    /// <summary>SRV_ATTENTION_WGMMA_INT8_SHARED.</summary>
    public const int WgmmaInt8SharedBytes = 231936;

    /// <summary>Threads of a block of srv_attention_prefill_wgmma.</summary>
    public const int WgmmaThreads = 384;

    /// <summary>SRV_PRODUCT_SHARED.</summary>
    public const int ProductSharedBytes = (4 * (128 + ProductRows) * 128) + (4 * 8 * 132 * 4);

    /// <summary>SRV_PRODUCT_ROWS.</summary>
    private const int ProductRows = 64;

    /// <summary>SRV_INTEGER_PRODUCT_SHARED.</summary>
    public const int IntegerProductSharedBytes = 101376;

    /// <summary>SRV_DEQUANTIZE_SHARED.</summary>
    public const int DequantizeSharedBytes = 9216;

    /// <summary>SRV_ROUTE_SHARED.</summary>
    public const int RouteSharedBytes = MixtureParameters.MaxExperts * 4;

    /// <summary>SRV_SORT_SHARED.</summary>
    public const int SortSharedBytes = (MixtureParameters.MaxExperts + 64) * 4;

    /// <summary>SRV_ROUTE_FEW_SHARED.</summary>
    public const int RouteFewSharedBytes = RouteSharedBytes + SortSharedBytes;

    /// <summary>SRV_EXPERTS_FEW_SHARED.</summary>
    public const int ExpertsFewSharedBytes = (4 * (128 + ExpertTile.FewPlaces) * 128) + (4 * 8 * 132 * 4);

    /// <summary>SRV_EXPERTS_SHARED.</summary>
    public const int ExpertsSharedBytes = (3 * (128 + ExpertTile.MaxPlaces) * 128) + (4 * 8 * 132 * 4);

    /// <summary>SRV_SHRINK_SHARED.</summary>
    public const int ShrinkSharedBytes = (4 * 3 * 8192) + (4 * 8 * 20 * 4);

    /// <summary>SRV_FINISH_SHARED.</summary>
    public const int FinishSharedBytes = 16 * (LoraParameters.MaxRank + 8) * 2;

    /// <summary>SRV_FINISH_SILU_SHARED.</summary>
    public const int FinishSiluSharedBytes = (2 * 8 * 260 * 4) + (2 * 8 * (LoraParameters.MaxRank + 8) * 2);

    /// <summary>SRV_FINISH_ROPE_SHARED.</summary>
    public const int FinishRopeSharedBytes = (16 * 260 * 4) + FinishSharedBytes;

    /// <summary>Of srv_finish_rope_append_rows with the largest head, SRV_MAX_HEAD_SIZE.</summary>
    public const int FinishRopeRowsSharedBytes = 16 * CudaBackend.MaxHeadSize;

    /// <summary>Columns of a row that SRV_FINISH_NORM_SHARED holds.</summary>
    public const int FinishNormColumns = 16384;

    /// <summary>
    /// Kernels that on compute capability 9.0 wait by themselves for those before them, so that they may be launched before these have ended: what a step without adapters is a chain of.
    /// </summary>
    internal static readonly FrozenSet<string> WaitingByThemselves = FrozenSet.Create(
        "srv_product", "srv_product_int8", "srv_product_int4", "srv_product_int4_asymmetric", "srv_product_iq4", "srv_product_mxfp4", "srv_attention_decode", "srv_attention_decode_windowed", "srv_attention_merge", "srv_finish_rms_norm", "srv_finish_rms_norm_planes", "srv_finish_rope_append_rows", "srv_finish_silu_mul_rows",
        "srv_attention_decode_int8", "srv_attention_decode_windowed_int8", "srv_finish_rope_append_rows_int8",
        "srv_route_few", "srv_experts_few", "srv_experts_few_int8", "srv_experts_few_int4", "srv_experts_few_int4_asymmetric", "srv_experts_few_iq4", "srv_experts_few_mxfp4", "srv_combine");

    private readonly Dictionary<WeightFormat, IntegerKernels> _ofIntegers;

    /// <summary>Finds all of them.</summary>
    /// <param name="module">The kernels of every device.</param>
    /// <param name="sharedBytes">Shared memory that a block of this device may have.</param>
    /// <param name="hopper">Those of compute capability 9.0; null where they are not to be used.</param>
    /// <param name="warpgroups">Of these also the one whose bits are others: prefill attention on warpgroup products.</param>
    /// <param name="early">Launch those that wait by themselves before the kernels ahead of them have ended.</param>
    /// <param name="keyValues">How keys and values are kept: those that write and read them are others.</param>
    /// <exception cref="CudaException">One is missing.</exception>
    public KernelSet(CudaModule module, int sharedBytes, CudaModule? hopper = null, bool warpgroups = true, bool early = true, KeyValueFormat keyValues = KeyValueFormat.BFloat16)
    {
        var (pages, decodeBytes, prefillBytes, wgmmaBytes) = keyValues == KeyValueFormat.Int8
            ? ("_int8", DecodeInt8SharedBytes, PrefillInt8SharedBytes, WgmmaInt8SharedBytes)
            : (string.Empty, DecodeSharedBytes, PrefillSharedBytes, WgmmaSharedBytes);
        Embed = Find("srv_embed", 128);
        EmbedInt8 = Find("srv_embed_int8", 128);
        RmsNorm = Find("srv_rms_norm", 256, 64);
        LayerNorm = Find("srv_layer_norm", 256, 64);
        Activate = Find("srv_activate", 256);
        SiluMul = Find("srv_silu_mul", 256);
        SigmoidMul = Find("srv_sigmoid_mul", 256);
        Convolution = Find("srv_convolution", 256);
        DeltaRule = Find("srv_delta_rule", DeltaRuleParameters.MaxValueSize, DeltaRuleParameters.SharedBytesOf(DeltaRuleParameters.MaxKeySize, DeltaRuleParameters.MaxValueSize));
        Cap = Find("srv_cap", 256);
        Gather = Find("srv_gather", 128);
        SumPlanes = Find("srv_sum_planes", 256);
        JoinPlanes = Find("srv_join_planes", 256);
        TokenSlots = Find("srv_token_slots", 256, 64);
        CopyPages = Find("srv_copy_pages" + pages, 256);
        RopeAppend = Find("srv_rope_append" + pages, 128);
        AttentionPlain = Find("srv_attention_plain" + pages, 128, 2048);
        AttentionDecode = Find("srv_attention_decode" + pages, 128, decodeBytes);
        AttentionDecodeWindowed = Find("srv_attention_decode_windowed" + pages, 128, decodeBytes);
        AttentionPrefill = OfManyRows(string.Empty);
        AttentionPrefillWindowed = OfManyRows("_windowed");
        AttentionMerge = Find("srv_attention_merge", 128);
        Product = sharedBytes >= ProductSharedBytes ? Find("srv_product", 256, ProductSharedBytes) : null;
        _ofIntegers = IntegerFormats.ToDictionary(format => format, OfIntegers);
        Route = Find("srv_route", 1024, RouteSharedBytes);
        RouteFew = Find("srv_route_few", 1024, RouteFewSharedBytes);
        SortChoices = Find("srv_sort_choices", 512, SortSharedBytes);
        Dispatch = Find("srv_dispatch", 128);
        ExpertsFew = Find("srv_experts_few", 256, ExpertsFewSharedBytes);
        Experts = Find("srv_experts", 256, ExpertsSharedBytes);
        Combine = Find("srv_combine", 256);
        ShrinkPlain = Find("srv_lora_shrink_plain", 128);
        Shrink = Find("srv_lora_shrink", 128, ShrinkSharedBytes);
        FinishPlain = Find("srv_linear_finish_plain", 128, 4096);
        Finish = Find("srv_linear_finish", 128, FinishSharedBytes);
        FinishSiluMul = Find("srv_finish_silu_mul", 256, FinishSiluSharedBytes);
        FinishSiluMulRows = Find("srv_finish_silu_mul_rows", 128);
        FinishRopeAppend = Find("srv_finish_rope_append" + pages, 128, FinishRopeSharedBytes);
        FinishRopeAppendRows = Find("srv_finish_rope_append_rows" + pages, 128, FinishRopeRowsSharedBytes);
        FinishRmsNorm = Find("srv_finish_rms_norm", 256, FinishNormSharedBytes(FinishNormColumns));
        FinishRmsNormPlanes = Find("srv_finish_rms_norm_planes", 256, FinishNormSharedBytes(FinishNormColumns));
        LoraExpand = Find("srv_lora_expand", 128, FinishSharedBytes);
        ScaleOutputs = Find("srv_scale_outputs", 128);
        Sample = Find("srv_sample", 1024, SampleSharedBytes);
        SampleSmall = Find("srv_sample_small", 128, SampleSharedBytes);

        StepKernel OfManyRows(string ending) => hopper is not null && warpgroups
            ? FindIn(hopper, "srv_attention_prefill_wgmma" + ending + pages, WgmmaThreads, wgmmaBytes)
            : Find("srv_attention_prefill" + ending + pages, 256, prefillBytes);

        IntegerKernels OfIntegers(WeightFormat format) => new(
            sharedBytes >= IntegerProductSharedBytes ? Find("srv_product_" + WordOf(format), 256, IntegerProductSharedBytes) : null,
            Find("srv_dequantize_" + WordOf(format), 128, DequantizeSharedBytes),
            Find("srv_experts_few_" + WordOf(format), 256, IntegerProductSharedBytes),
            Find("srv_experts_" + WordOf(format), 256, IntegerProductSharedBytes));

        StepKernel Find(string name, int threads, int sharedBytes = 0) => hopper is not null && WaitingByThemselves.Contains(name)
            ? FindIn(hopper, name, threads, sharedBytes) with { WaitsByItself = early }
            : FindIn(module, name, threads, sharedBytes);
    }

    /// <summary>Formats of integers that kernels read.</summary>
    public static IReadOnlyList<WeightFormat> IntegerFormats { get; } = [WeightFormat.Int8, WeightFormat.Int4, WeightFormat.Int4Asymmetric, WeightFormat.Iq4, WeightFormat.Mxfp4];

    /// <summary>Token ids to residual rows.</summary>
    public StepKernel Embed { get; }

    /// <summary>The same of a table of integers.</summary>
    public StepKernel EmbedInt8 { get; }

    /// <summary>RMSNorm.</summary>
    public StepKernel RmsNorm { get; }

    /// <summary>LayerNorm.</summary>
    public StepKernel LayerNorm { get; }

    /// <summary>An MLP without a gate.</summary>
    public StepKernel Activate { get; }

    /// <summary>Gate·mul.</summary>
    public StepKernel SiluMul { get; }

    /// <summary>Attention times its gate.</summary>
    public StepKernel SigmoidMul { get; }

    /// <summary>A convolution over a sequence's last rows.</summary>
    public StepKernel Convolution { get; }

    /// <summary>The gated delta rule; threads and shared memory are those of the largest heads.</summary>
    public StepKernel DeltaRule { get; }

    /// <summary>Bounded logits.</summary>
    public StepKernel Cap { get; }

    /// <summary>Rows that have outputs.</summary>
    public StepKernel Gather { get; }

    /// <summary>Planes added up.</summary>
    public StepKernel SumPlanes { get; }

    /// <summary>Planes put side by side.</summary>
    public StepKernel JoinPlanes { get; }

    /// <summary>Page tables to slots by ordinal.</summary>
    public StepKernel TokenSlots { get; }

    /// <summary>Page copies.</summary>
    public StepKernel CopyPages { get; }

    /// <summary>Head norms, rotation, append.</summary>
    public StepKernel RopeAppend { get; }

    /// <summary>Attention of any head size, with and without window, cap and sinks, without tensor cores.</summary>
    public StepKernel AttentionPlain { get; }

    /// <summary>Attention of few rows.</summary>
    public StepKernel AttentionDecode { get; }

    /// <summary>The same with window, cap and sinks.</summary>
    public StepKernel AttentionDecodeWindowed { get; }

    /// <summary>Attention of many rows.</summary>
    public StepKernel AttentionPrefill { get; }

    /// <summary>The same with window, cap and sinks.</summary>
    public StepKernel AttentionPrefillWindowed { get; }

    /// <summary>Splits joined.</summary>
    public StepKernel AttentionMerge { get; }

    /// <summary>x·Wᵀ of few rows; null where a block cannot have its shared memory.</summary>
    public StepKernel? Product { get; }

    /// <summary>Experts of rows.</summary>
    public StepKernel Route { get; }

    /// <summary>Experts of few rows, and their choices sorted by expert.</summary>
    public StepKernel RouteFew { get; }

    /// <summary>Choices sorted by expert.</summary>
    public StepKernel SortChoices { get; }

    /// <summary>Rows copied to where their choices lie.</summary>
    public StepKernel Dispatch { get; }

    private StepKernel ExpertsFew { get; }

    private StepKernel Experts { get; }

    /// <summary>Experts' answers, onto the residual stream.</summary>
    public StepKernel Combine { get; }

    /// <summary>x·Aᵀ, row by row.</summary>
    public StepKernel ShrinkPlain { get; }

    /// <summary>x·Aᵀ by work lists, on tensor cores.</summary>
    public StepKernel Shrink { get; }

    /// <summary>A Linear's end, row by row: bias, delta, rounding or accumulation.</summary>
    public StepKernel FinishPlain { get; }

    /// <summary>A Linear's end by tiles of rows, on tensor cores.</summary>
    public StepKernel Finish { get; }

    /// <summary>A gate_up's end and SiLU·mul.</summary>
    public StepKernel FinishSiluMul { get; }

    /// <summary>The same, row by row.</summary>
    public StepKernel FinishSiluMulRows { get; }

    /// <summary>A qkv's end, rotation and append.</summary>
    public StepKernel FinishRopeAppend { get; }

    /// <summary>The same, row by row.</summary>
    public StepKernel FinishRopeAppendRows { get; }

    /// <summary>An o's or down's end and RMSNorm.</summary>
    public StepKernel FinishRmsNorm { get; }

    /// <summary>The same of products in more planes.</summary>
    public StepKernel FinishRmsNormPlanes { get; }

    /// <summary>v·Bᵀ by itself.</summary>
    public StepKernel LoraExpand { get; }

    /// <summary>A product times DoRA's factors.</summary>
    public StepKernel ScaleOutputs { get; }

    /// <summary>Sampling and logprobs.</summary>
    public StepKernel Sample { get; }

    /// <summary>The same, of vocabularies of up to <see cref="SmallVocabulary"/>.</summary>
    public StepKernel SampleSmall { get; }

    /// <summary>x·Wᵀ of few rows, of a matrix of integers; null where a block cannot have its shared memory.</summary>
    public StepKernel? ProductOf(WeightFormat format) => _ofIntegers[format].Product;

    /// <summary>A matrix of integers as bf16.</summary>
    public StepKernel DequantizeOf(WeightFormat format) => _ofIntegers[format].Dequantize;

    /// <summary>x·Wᵀ of experts that have few rows, and of experts that have any number.</summary>
    public (StepKernel Few, StepKernel Many) ExpertsOf(WeightFormat format) =>
        format == WeightFormat.BFloat16 ? (ExpertsFew, Experts) : (_ofIntegers[format].ExpertsFew, _ofIntegers[format].Experts);

    /// <summary>What the names of a format's kernels end with.</summary>
    public static string WordOf(WeightFormat format) => format switch
    {
        WeightFormat.Int8 => "int8",
        WeightFormat.Int4 => "int4",
        WeightFormat.Int4Asymmetric => "int4_asymmetric",
        WeightFormat.Iq4 => "iq4",
        WeightFormat.Mxfp4 => "mxfp4",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no kernel reads it"),
    };

    /// <summary>Shared memory of <see cref="FinishRmsNorm"/> for rows of so many columns.</summary>
    public static int FinishNormSharedBytes(int columns) => 64 + ((columns + 3) / 4 * 16);

    private static StepKernel FindIn(CudaModule module, string name, int threads, int sharedBytes)
    {
        var kernel = module.GetKernel(name);
        kernel.AllowSharedBytes(sharedBytes);
        return new StepKernel(kernel, threads, sharedBytes);
    }

    /// <summary>What reads matrices of a format of integers.</summary>
    private sealed record IntegerKernels(StepKernel? Product, StepKernel Dequantize, StepKernel ExpertsFew, StepKernel Experts);
}

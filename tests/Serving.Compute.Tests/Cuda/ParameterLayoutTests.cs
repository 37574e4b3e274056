using System.Reflection;
using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>The structs that kernels take have the fields, sizes and offsets of native/cuda/params.h.</summary>
public sealed class ParameterLayoutTests
{
    private static readonly Dictionary<string, Type> Structs = new()
    {
        ["srv_sequence"] = typeof(StepSequence),
        ["srv_page"] = typeof(StepPage),
        ["srv_page_copy"] = typeof(StepPageCopy),
        ["srv_penalty"] = typeof(PenaltyToken),
        ["srv_bias"] = typeof(TokenBias),
        ["srv_sample_row"] = typeof(SampleRow),
        ["srv_range"] = typeof(ListRange),
        ["srv_row_tile"] = typeof(RowTile),
        ["srv_shrink_item"] = typeof(ShrinkItem),
        ["srv_lora_binding"] = typeof(LoraBinding),
        ["srv_attention_item"] = typeof(AttentionItem),
        ["srv_page_rotation"] = typeof(PageRotation),
        ["srv_embed_params"] = typeof(EmbedParameters),
        ["srv_rms_norm_params"] = typeof(RmsNormParameters),
        ["srv_layer_norm_params"] = typeof(LayerNormParameters),
        ["srv_activate_params"] = typeof(ActivateParameters),
        ["srv_cap_params"] = typeof(CapParameters),
        ["srv_silu_mul_params"] = typeof(SiluMulParameters),
        ["srv_sum_planes_params"] = typeof(SumPlanesParameters),
        ["srv_join_planes_params"] = typeof(JoinPlanesParameters),
        ["srv_gather_params"] = typeof(GatherParameters),
        ["srv_token_slots_params"] = typeof(TokenSlotsParameters),
        ["srv_copy_pages_params"] = typeof(CopyPagesParameters),
        ["srv_rotate_pages_params"] = typeof(RotatePagesParameters),
        ["srv_rope_append_params"] = typeof(RopeAppendParameters),
        ["srv_attention_params"] = typeof(AttentionParameters),
        ["srv_product_params"] = typeof(ProductParameters),
        ["srv_dequantize_params"] = typeof(DequantizeParameters),
        ["srv_expert_tile"] = typeof(ExpertTile),
        ["srv_mixture"] = typeof(MixtureParameters),
        ["srv_route_params"] = typeof(RouteParameters),
        ["srv_sort_params"] = typeof(SortParameters),
        ["srv_dispatch_params"] = typeof(DispatchParameters),
        ["srv_experts_params"] = typeof(ExpertsParameters),
        ["srv_combine_params"] = typeof(CombineParameters),
        ["srv_lora"] = typeof(LoraParameters),
        ["srv_shrink_params"] = typeof(ShrinkParameters),
        ["srv_linear_params"] = typeof(FinishParameters),
        ["srv_finish_norm_params"] = typeof(FinishNormParameters),
        ["srv_finish_rope_params"] = typeof(FinishRopeParameters),
        ["srv_scale_outputs_params"] = typeof(ScaleParameters),
        ["srv_state"] = typeof(StateParameters),
        ["srv_convolution_params"] = typeof(ConvolutionParameters),
        ["srv_delta_rule_params"] = typeof(DeltaRuleParameters),
        ["srv_sigmoid_mul_params"] = typeof(SigmoidMulParameters),
        ["srv_sample_params"] = typeof(SampleParameters),
    };

    private static readonly ParameterHeader Header = ParameterHeader.Parse(
        File.ReadAllText(Repository.PathOf("native", "cuda", "params.h")) + File.ReadAllText(Repository.PathOf("native", "cuda", "integers", "params.h"))
        + File.ReadAllText(Repository.PathOf("native", "cuda", "scale_outputs", "params.h")) + File.ReadAllText(Repository.PathOf("native", "cuda", "layer_norm", "params.h"))
        + File.ReadAllText(Repository.PathOf("native", "cuda", "attention", "params.h"))
        + File.ReadAllText(Repository.PathOf("native", "cuda", "recurrence", "params.h")) + File.ReadAllText(Repository.PathOf("native", "cuda", "sigmoid_mul", "params.h")));

    /// <summary>Names of the structs that the backend uses.</summary>
    public static TheoryData<string> Names => [.. Structs.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Layout_Struct_IsTheHeaders(string name)
    {
        var expected = Header.Structs.Single(candidate => candidate.Name == name);
        var type = Structs[name];
        Assert.Equal(expected.Bytes, Marshal.SizeOf(type));
        var fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(field => field.MetadataToken).ToList();
        var actual = fields.Select(field => (Reduce(field.Name), (int)Marshal.OffsetOf(type, field.Name))).ToList();
        Assert.Equal(expected.Fields.Where(field => field.Name != "reserved").Select(field => (Reduce(field.Name), field.Offset)), actual.Where(field => !field.Item1.StartsWith("reserved", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("SRV_PAGE_TOKENS", ModelShape.PageTokens)]
    [InlineData("SRV_CELL_RANKS", AdapterLayout.CellRanks)]
    [InlineData("SRV_CELL_COLUMNS", AdapterLayout.CellColumns)]
    [InlineData("SRV_CELL_BYTES", AdapterLayout.CellBytes)]
    [InlineData("SRV_CELL_FACTORS", AdapterLayout.CellFactors)]
    [InlineData("SRV_MAX_RANK", LoraParameters.MaxRank)]
    [InlineData("SRV_MAX_SLICES", LoraParameters.MaxSlices)]
    [InlineData("SRV_SHRINK_CHUNK", LoraParameters.ShrinkChunk)]
    [InlineData("SRV_MAX_EXPERTS", MixtureParameters.MaxExperts)]
    [InlineData("SRV_SMALL_VOCABULARY", KernelSet.SmallVocabulary)]
    [InlineData("SRV_MAX_CHOICES", MixtureParameters.MaxChoices)]
    [InlineData("SRV_ROUTE_ROWS", MixtureParameters.RouteRows)]
    [InlineData("SRV_EXPERT_ROWS", ExpertTile.MaxPlaces)]
    [InlineData("SRV_EXPERT_FEW_ROWS", ExpertTile.FewPlaces)]
    [InlineData("SRV_INTEGER_OUTPUTS", IntegerStrips.Rows)]
    [InlineData("SRV_INTEGER_INPUTS", BlockQuantizer.BlockSize)]
    [InlineData("SRV_INTEGER_PRODUCT_SHARED", KernelSet.IntegerProductSharedBytes)]
    [InlineData("SRV_DEQUANTIZE_SHARED", KernelSet.DequantizeSharedBytes)]
    [InlineData("SRV_ATTENTION_DECODE_INT8_SHARED", KernelSet.DecodeInt8SharedBytes)]
    [InlineData("SRV_ATTENTION_PREFILL_INT8_SHARED", KernelSet.PrefillInt8SharedBytes)]
    [InlineData("SRV_ATTENTION_WGMMA_INT8_SHARED", KernelSet.WgmmaInt8SharedBytes)]
    [InlineData("SRV_DELTA_ROWS", DeltaRuleParameters.Rows)]
    [InlineData("SRV_MAX_KEY_SIZE", DeltaRuleParameters.MaxKeySize)]
    [InlineData("SRV_MAX_VALUE_SIZE", DeltaRuleParameters.MaxValueSize)]
    [InlineData("SRV_MAX_TOP_LOGPROBS", SampleRow.MaxTopLogprobs)]
    [InlineData("SRV_MLP_GELU", (int)MlpActivation.GeluTanh)]
    [InlineData("SRV_MLP_XIELU", (int)MlpActivation.XIelu)]
    [InlineData("SRV_MLP_SQUARED_RELU", (int)MlpActivation.SquaredRelu)]
    [InlineData("SRV_LINEAR_ROUND", (int)LinearOutput.Round)]
    [InlineData("SRV_LINEAR_KEEP", (int)LinearOutput.Keep)]
    [InlineData("SRV_LINEAR_ACCUMULATE", (int)LinearOutput.Accumulate)]
    public void Constant_IsTheHeaders(string name, int value) => Assert.Equal(Header.Constants[name], value);

    [Fact]
    public void SharedBytes_LargestHead_AreTheHeaders() => Assert.Equal(Header.Constants["SRV_DELTA_SHARED"], DeltaRuleParameters.SharedBytesOf(DeltaRuleParameters.MaxKeySize, DeltaRuleParameters.MaxValueSize));

    /// <summary>"first_row" and "FirstRow" are the same name.</summary>
    private static string Reduce(string name) => name.Replace("_", string.Empty, StringComparison.Ordinal).ToLowerInvariant();
}

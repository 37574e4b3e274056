using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>The cases of the kernels' tests that a mistake in a kernel is tried on, small ones first.</summary>
internal static class KernelCases
{
    private static readonly Dictionary<string, Action[]> All = new()
    {
        ["srv_activate"] = [() => new LayerNormKernelTests().SquaredRelu_AnySize_MatchesFormula(3, 102, 2), () => new LayerNormKernelTests().Gelu_AnySize_MatchesFormula(3, 102, 2),
            () => new LayerNormKernelTests().XIelu_AnySize_MatchesFormula(3, 102, 2)],
        ["srv_attention_decode"] = Attention(4, 2, 64, AttentionVariant.TensorCores),
        ["srv_attention_decode_int8"] = Attention(4, 2, 64, AttentionVariant.TensorCores, integers: true),
        ["srv_attention_decode_windowed"] =
        [
            () => Windows(64, AttentionVariant.TensorCores, 45, 0.5f, true),
            () => Windows(64, AttentionVariant.TensorCores, 0, 2, true),
        ],
        ["srv_attention_prefill"] = Attention(5, 1, 128, AttentionVariant.Prefill),
        ["srv_attention_prefill_int8"] = Attention(5, 1, 128, AttentionVariant.Prefill, integers: true),
        ["srv_attention_prefill_wgmma_int8"] = Attention(4, 2, 64, AttentionVariant.Warpgroups, integers: true),
        ["srv_attention_prefill_windowed"] = [() => Windows(64, AttentionVariant.Prefill, 20, 3, true, AttentionShares.Whole), () => Windows(128, AttentionVariant.Prefill, 513, 0, true)],
        ["srv_attention_prefill_wgmma_windowed"] =
        [
            () => Windows(64, AttentionVariant.Warpgroups, 20, 3, true, AttentionShares.Whole),
            () => Windows(128, AttentionVariant.Warpgroups, 513, 0, true),
        ],
        ["srv_attention_prefill_wgmma"] = [.. Attention(5, 1, 128, AttentionVariant.Warpgroups), .. Attention(4, 2, 64, AttentionVariant.Warpgroups)],
        ["srv_attention_plain"] =
        [
            .. Attention(6, 2, 18, AttentionVariant.Plain),
            () => Windows(18, AttentionVariant.Plain, 20, 3, false),
            () => Windows(18, AttentionVariant.Plain, 20, 0, true),
        ],
        ["srv_attention_plain_int8"] = Attention(6, 2, 18, AttentionVariant.Plain, integers: true),
        ["srv_attention_merge"] = [.. Attention(4, 2, 64, AttentionVariant.Plain), () => new AttentionKernelTests().Attention_ManySplits_AreMergedAsWhole(),
            () => Windows(18, AttentionVariant.Plain, 513, 0, false), () => Windows(18, AttentionVariant.Plain, 0, 2, true)],
        ["srv_cap"] = [() => new RowKernelTests().Cap_AnySize_MatchesFormula(3, 102, 2)],
        ["srv_combine"] = [Chain, () => new MixtureKernelTests().Combine_AnySize_IsTheChain(3, 101, 2, 2), () => new MixtureKernelTests().Combine_AnySize_IsTheChain(2, 36, 3, 3)],
        ["srv_convolution"] = [() => new ConvolutionKernelTests().Convolution_AnySize_MatchesFormula(5, 4, 0, 1), () => new ConvolutionKernelTests().Convolution_AnySize_MatchesFormula(300, 4, 1008, 3),
            () => new ConvolutionKernelTests().Convolution_AnySize_MatchesFormula(33, 9, 944, 7)],
        ["srv_copy_pages"] = [() => new PageKernelTests().CopyPages_FirstSlots_AreTheSources(16, 2, 3, 5)],
        ["srv_copy_pages_int8"] = [() => new PageKernelTests().CopyPages_FirstSlots_AreTheSources(16, 2, 3, 5, integers: true)],
        ["srv_delta_rule"] =
        [
            () => new DeltaRuleKernelTests().DeltaRule_AnySize_MatchesFormula(1, 1, 16, 16, 0, 1),
            () => new DeltaRuleKernelTests().DeltaRule_AnySize_MatchesFormula(2, 4, 20, 48, 1008, 3),
            () => new DeltaRuleKernelTests().DeltaRule_ExtremeRates_MatchFormula(),
        ],
        ["srv_dispatch"] = [() => new MixtureKernelTests().Dispatch_AnySize_CopiesTheRows(9, 101, 2, 3)],
        ["srv_embed"] = [() => new RowKernelTests().Embed_AnySize_IsTheTablesRow(9, 100, 3)],
        ["srv_experts_few"] =
        [
            Chain,
            () => new ExpertKernelTests().Experts_AnySize_MatchFormula(3, 2, 6, 131, 72, 2),
            () => new ExpertKernelTests().Experts_AnySize_MatchFormula(20, 3, 5, 70, 1, 1),
            () => new ExpertKernelTests().Experts_Gated_EqualTheTwo(5, 2, 4, 66, 72, Compute.Programs.GateActivation.SwigluOai),
            () => new ExpertKernelTests().Experts_AnySize_MatchFormula(17, 2, 3, 200, 132, 3),
        ],
        ["srv_experts_few_int8"] =
        [
            () => new ExpertKernelTests().Experts_OfIntegers_HaveTheBitsOfTheDecodedMatrices(Compute.Programs.WeightFormat.Int8, 3, 2, 6, 131, 72, 2),
            () => new ExpertKernelTests().Experts_OfIntegersGated_HaveTheBitsOfTheDecodedMatrices(Compute.Programs.WeightFormat.Int8, 5, 128, Compute.Programs.GateActivation.Silu),
            ChainOfIntegers,
        ],
        ["srv_finish_rms_norm"] = [() => new FusedKernelTests().RmsNorm_AnyWidth_EqualsTheTwo(70, 2)],
        ["srv_finish_rms_norm_planes"] = [() => new FusedKernelTests().RmsNorm_AnyWidth_EqualsTheTwo(70, 3)],
        ["srv_finish_rope_append"] = [() => new FusedKernelTests().RopeAppend_AnyHeads_EqualsTheTwo(4, 2, 64, false)],
        ["srv_finish_rope_append_rows"] = [() => new FusedKernelTests().RopeAppend_AnyHeads_EqualsTheTwo(6, 2, 16, true)],
        ["srv_finish_silu_mul_rows"] = [() => new FusedKernelTests().SiluMul_AnyWidth_EqualsTheTwo(70), () => new FusedKernelTests().SiluMul_AnyWidth_EqualsTheTwo(128), () => new FusedKernelTests().GeluMul_AnyWidth_EqualsTheTwo(128)],
        ["srv_finish_silu_mul"] = [() => new FusedKernelTests().SiluMul_AnyWidth_EqualsTheTwo(70), () => new FusedKernelTests().GeluMul_AnyWidth_EqualsTheTwo(128)],
        ["srv_gather"] = [() => new RowKernelTests().Gather_AnySize_IsTheNamedRow(9, 100, 3)],
        ["srv_join_planes"] = [() => new PlaneKernelTests().JoinPlanes_AnySize_IsSideBySide(3, 100, 4, 2)],
        ["srv_layer_norm"] = [() => new LayerNormKernelTests().LayerNorm_AnySize_MatchesFormula(9, 100, 3), () => new LayerNormKernelTests().LayerNorm_OfHeads_IsWrittenUnroundedInPlace(5, 20, 3, 2)],
        ["srv_linear_finish"] = Finish(tensorCores: true),
        ["srv_linear_finish_plain"] = Finish(tensorCores: false),
        ["srv_lora_expand"] =
            [.. ((string[])["one row", "twenty rows", "decode", "odd", "odd pages"]).Select<string, Action>(name => () => new ExpandKernelTests().Expand_AnyMix_IsTheDeltaOfFinish(name, RowTile.MaxRows))],
        ["srv_lora_shrink"] = Shrink(tensorCores: true),
        ["srv_lora_shrink_plain"] = Shrink(tensorCores: false),
        ["srv_product"] =
        [
            () => new ProductKernelTests().Product_BehindTheKernelThatWritesItsInput_HasItsBits(5, 1),
            () => new ProductKernelTests().Product_AnySize_MatchesFormula(3, 130, 72, 1, 2),
            () => new ProductKernelTests().Product_AnySize_MatchesFormula(33, 300, 330, 3, 2),
            () => new ProductKernelTests().Product_AnySize_MatchesFormula(17, 100, 200, 2, 3),
        ],
        ["srv_product_int8"] =
        [
            () => new IntegerKernelTests().Product_BehindTheKernelThatWritesItsInput_HasItsBits(Compute.Programs.WeightFormat.Int8, 5, 1),
            () => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Int8, 3, 130, 72, 1, 2),
            () => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Int8, 16, 128, 1100, 1, 1),
        ],
        ["srv_product_int4"] = [() => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Int4, 40, 128, 33, 2, 5)],
        ["srv_product_int4_asymmetric"] = [() => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Int4Asymmetric, 16, 70, 130, 1, 2)],
        ["srv_product_iq4"] = [() => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Iq4, 3, 130, 72, 1, 2)],
        ["srv_product_mxfp4"] = [() => new IntegerKernelTests().Product_AnySize_HasTheBitsOfTheDecodedMatrix(Compute.Programs.WeightFormat.Mxfp4, 3, 130, 72, 1, 2)],
        ["srv_dequantize_int8"] = [() => new IntegerKernelTests().Dequantize_AnySize_IsTheRoundedProduct(Compute.Programs.WeightFormat.Int8, 130, 100, 2)],
        ["srv_embed_int8"] = [() => new IntegerKernelTests().Embed_AnySize_IsTheTablesRow(5, 129, 5), () => new IntegerKernelTests().Embed_AnySize_IsTheTablesRow(9, 100, 3)],
        ["srv_route"] = Routes(),
        ["srv_route_few"] = [Chain, () => new MixtureKernelTests().RouteFew_AnyLogits_LeavesWhatTheTwoDo(32, 512, 16, 9)],
        ["srv_sort_choices"] = Routes(),
        ["srv_rms_norm"] = [() => new RowKernelTests().RmsNorm_AnySize_MatchesFormula(9, 100, 3), () => new RowKernelTests().RmsNorm_WithOffset_IsAddedUnrounded(9, 100, 3), () => new RowKernelTests().RmsNorm_OfColumns_IsWrittenUnroundedInPlace(9, 100, 3), () => new RowKernelTests().RmsNorm_WithoutAWeight_RoundsItsInput(9, 100, 3)],
        ["srv_rope_append"] = [() => new RopeAppendTests().RopeAppend_AnyShape_MatchesFormula(9, 6, 2, 18, true, 3), () => new RopeAppendTests().RopeAppend_AnyShape_MatchesFormula(9, 6, 2, 18, true, 3, turned: true)],
        ["srv_rope_append_int8"] = [() => new RopeAppendTests().RopeAppend_Integers_AreTheRoundedElements(9, 6, 2, 18, true, 3)],
        ["srv_rotate_pages"] = [() => new PageKernelTests().RotatePages_AnyDistance_MovesTheKeys(8)],
        ["srv_sample"] =
        [
            () => new SampleKernelTests().Sample_EqualProbabilities_KeepsTheLowestIds(0.3f, 0, 1000, 300),
            () => new SampleKernelTests().Sample_VectorFile_IsEqual(),
            () => new SampleKernelTests().Sample_BiasNamedTwice_AddsBoth(),
            () => new SampleKernelTests().Sample_BiasThenPenalty_KeepsTheOrder(),
            () => new SampleKernelTests().Sample_PendingToken_IsCountedOnceMore(),
            () => new SampleKernelTests().TopLogprobs_AnyRow_AreTheFirst(257),
            () => new SampleKernelTests().Sample_EqualProbabilities_KeepsTheLowestIds(0.6f, 0, 9000, 5400),
            () => SampleKernelTests.AssertVectors((_, number) => number % 17 == 0),
            () => SampleKernelTests.AssertVectors((test, _) => test.Seen is not null),
        ],
        ["srv_scale_outputs"] = [() => new ScaleKernelTests().Scale_AnyMix_MultipliesTheRowsOfFactors(9, 2, 2, 2)],
        ["srv_sigmoid_mul"] = [() => new RowKernelTests().SigmoidMul_AnySize_MatchesFormula(9, 102, 3)],
        ["srv_silu_mul"] = [() => new RowKernelTests().SiluMul_AnySize_MatchesFormula(9, 102, 3), () => new RowKernelTests().GeluMul_AnySize_MatchesFormula(9, 102, 3),
            () => new RowKernelTests().SwigluMul_AnySize_MatchesFormula(9, 102, 3)],
        ["srv_sum_planes"] = [() => new PlaneKernelTests().SumPlanes_AnySize_IsTheChain(3, 100, 4, 2)],
        ["srv_token_slots"] = [() => new PageKernelTests().TokenSlots_PartlyFilledPages_FollowTheOrdinals(2)],
    };

    /// <summary>The numbers of a kernel's cases, in the order in which a mistake is tried on them.</summary>
    public static IEnumerable<int> Of(string kernel, string plant) => Enumerable.Range(0, All[kernel].Length).OrderByDescending(number => number == NoticedBy.Case(plant));

    /// <summary>A case of a kernel.</summary>
    public static Action At(string kernel, int number) => All[kernel][number];

    private static void Chain() => new MixtureKernelTests().Mixture_LaunchedBehindWhatItReads_HasTheBitsOfTurns(integers: false);

    private static void ChainOfIntegers() => new MixtureKernelTests().Mixture_LaunchedBehindWhatItReads_HasTheBitsOfTurns(integers: true);

    private static Action[] Routes() =>
    [
        () => new MixtureKernelTests().Route_AnyLogits_ChoosesAndSortsAsPlainLoops(33, 7, 2, 5, 1),
        () => new MixtureKernelTests().Route_AnyLogits_ChoosesAndSortsAsPlainLoops(70, 33, 8, 4, 2),
        () => new MixtureKernelTests().Route_NoNumbers_ChoosesExpertsAllTheSame(),
    ];

    private static void Windows(int headSize, AttentionVariant variant, int window, float cap, bool hasSinks, int pieces = 1) =>
        new AttentionWindowTests().Attention_WindowBoundOrSinks_MatchesFormula(headSize, variant, window, cap, hasSinks, pieces);

    private static Action[] Attention(int heads, int kvHeads, int headSize, AttentionVariant variant, bool integers = false) =>
    [
        () => new AttentionKernelTests().Attention_EqualWeights_IsTheMean(heads, kvHeads, headSize, variant, integers),
        () => new AttentionKernelTests().Attention_RandomQueries_MatchFormula(heads, kvHeads, headSize, variant, integers),
    ];

    private static Action[] Shrink(bool tensorCores) =>
        [.. ((string[])["one row", "decode", "odd", "long rows"]).Select<string, Action>(name => () => new ShrinkKernelTests().Shrink_AnyMix_MatchesFormula(name, tensorCores))];

    private static Action[] Finish(bool tensorCores) =>
    [
        () => new FinishKernelTests().Finish_NoSlices_AddsTheBias(300, tensorCores),
        .. ((string[])["one row", "twenty rows", "decode", "odd", "long columns"]).Select<string, Action>(name => () => new FinishKernelTests().Finish_Keep_MatchesFormula(name, tensorCores)),
    ];
}

using System.Runtime.InteropServices;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>GGUF files against the same models in Hugging Face's layout.</summary>
public class GgufLoadTests(ITestOutputHelper output)
{
    /// <summary>Families and element types.</summary>
    public static TheoryData<string, bool, string> Variants => new(
        from architecture in new[]
        {
            "LlamaForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM", "GraniteForCausalLM", "SmolLM3ForCausalLM",
            "Olmo2ForCausalLM", "Olmo3ForCausalLM", "OlmoeForCausalLM", "Qwen2MoeForCausalLM", "Glm4ForCausalLM", "Exaone4ForCausalLM", "SeedOssForCausalLM", "Ernie4_5ForCausalLM",
        }
        from tied in new[] { false, true }
        from encoder in GgmlEncoder.All

            // Experts are 40 wide here, which are no whole blocks; and what a family has of its own are names and keys, whatever the type of its elements.
        where !(architecture is "MixtralForCausalLM" or "Qwen2MoeForCausalLM" or "Qwen3MoeForCausalLM" or "OlmoeForCausalLM") || encoder.Type is 0 or 1 or 30
        where architecture[..4] is not ("Olmo" or "Glm4" or "Exao" or "Seed" or "Erni") || encoder.Type is 0 or 30
        select (architecture, tied, encoder.Name));

    [Theory]
    [MemberData(nameof(Variants))]
    public void Load_EveryFamilyAndType_GivesTheWeightsOfTheFolder(string architecture, bool tied, string type)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture, tied);
        File.WriteAllBytes(folder.PathOf("model.gguf"), GgufConverter.Convert(model, GgmlEncoder.Of(type)).ToArray());
        model.Write(folder.Path);
        var config = GgufModel.Open(folder.PathOf("model.gguf")).Config;
        var expected = ModelFolder.Open(folder.Path).Config;
        Assert.Equivalent(expected, config, strict: true);
        var program = ModelRegistry.Build("tiny", config, 64);
        using var fromFolder = new RecordingBackend(program);
        WeightLoader.Load(fromFolder, program, folder.Path);
        using var fromFile = new RecordingBackend(program);
        LoadFile(fromFile, program, folder.PathOf("model.gguf"));
        Assert.True(fromFile.IsComplete);
        Assert.Equal(fromFolder.Values, fromFile.Values);
    }

    [Theory]
    [InlineData("Q8_0", WeightFormat.Int8, true)]
    [InlineData("Q8_0", WeightFormat.Int4, false)]
    [InlineData("Q4_0", WeightFormat.Int4, true)]
    [InlineData("Q4_0", WeightFormat.Int8, true)]
    [InlineData("Q4_1", WeightFormat.Int8, false)]
    [InlineData("Q4_0", WeightFormat.Int4Asymmetric, false)]
    [InlineData("MXFP4", WeightFormat.Int8, true)]
    [InlineData("MXFP4", WeightFormat.Int4, false)]
    [InlineData("MXFP4", WeightFormat.Mxfp4, true)]
    [InlineData("Q4_0", WeightFormat.Mxfp4, false)]
    [InlineData("IQ4_NL", WeightFormat.Iq4, true)]
    [InlineData("IQ4_NL", WeightFormat.Int8, true)]
    [InlineData("IQ4_NL", WeightFormat.Int4, false)]
    public void Load_IntegersThatFit_AreKeptWithTheirScalesInBf16(string type, WeightFormat format, bool fits)
    {
        using var folder = new TemporaryFolder();
        var model = Make("LlamaForCausalLM", tied: false);
        File.WriteAllBytes(folder.PathOf("model.gguf"), GgufConverter.Convert(model, GgmlEncoder.Of(type)).ToArray());
        var program = ProgramQuantization.Apply(ModelRegistry.Build("tiny", GgufModel.Open(folder.PathOf("model.gguf")).Config, 64), format);
        using var backend = new RecordingBackend(program);
        LoadFile(backend, program, folder.PathOf("model.gguf"));
        Assert.Equal(fits, backend.Integers.Keys.Any(key => program.Weights[key.Weight].Format == format));
        var worst = 0f;
        foreach (var weight in program.Weights.Where(weight => fits && weight.Kind == WeightKind.Matrix && weight.Format == format))
        {
            foreach (var part in weight.Parts)
            {
                var stands = model.Tensors[part.TensorName].Values;
                for (var i = 0; i < stands.Length; i++)
                {
                    var kept = backend.Integers[(weight.Index, part.Offset + (i / weight.Columns), i % weight.Columns)];
                    worst = Math.Max(worst, stands[i] == 0 ? Math.Abs(kept) : Math.Abs((kept / stands[i]) - 1));
                }
            }
        }

        // Half a unit of bf16's last place: 2⁻⁹ of a scale, and nothing else.
        output.WriteLine($"{type} as {format}: {worst:0.000000}");
        Assert.InRange(worst, 0, 1 / 256f);
    }

    /// <summary>Q4_0 and IQ4_NL stay at four bits next to eight, the matrix of the logits too, where no bit of them changes.</summary>
    [Theory]
    [InlineData("Q4_0", WeightFormat.Int4)]
    [InlineData("IQ4_NL", WeightFormat.Iq4)]
    public void Run_FourBitsThatStay_GiveTheLogitsOfEight(string type, WeightFormat kept)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("model.gguf"), GgufConverter.Convert(Make("LlamaForCausalLM", tied: false), GgmlEncoder.Of(type)).ToArray());
        int[] tokens = [0, 17, 30, 5, 19];
        using var four = new ModelRunner(folder.PathOf("model.gguf"), 16, exact: false, WeightFormat.Int8, keepsStored: true);
        using var eight = new ModelRunner(folder.PathOf("model.gguf"), 16, exact: false, WeightFormat.Int8);
        Assert.All(four.Formats, format => Assert.Equal(kept, format));
        Assert.All(eight.Formats, format => Assert.Equal(WeightFormat.Int8, format));
        Assert.Equal(eight.Append(tokens), four.Append(tokens));
        Assert.Equal(MemoryMarshal.Cast<float, int>(eight.Logits(4)), MemoryMarshal.Cast<float, int>(four.Logits(4)));
    }

    /// <summary>Every family's rows in their order: codes of four bits with minimums are kept, and what they stand for is rounded by no more than a scale and an offset are.</summary>
    [Theory]
    [InlineData("LlamaForCausalLM")]
    [InlineData("Gemma3ForCausalLM")]
    public void Load_CodesWithMinimums_AreKeptWithOffsets(string architecture)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture, tied: false);
        var path = folder.PathOf("model.gguf");
        File.WriteAllBytes(path, GgufConverter.Convert(model, GgmlEncoder.Of("Q4_1")).ToArray());
        var asked = ProgramQuantization.Apply(ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 64), WeightFormat.Int8);
        using var files = GgufWeights.Open(path);
        var program = StoredFormats.Keep(asked, files);
        Assert.All(program.Weights.Where(weight => weight.Kind == WeightKind.Matrix), weight => Assert.Equal(WeightFormat.Int4Asymmetric, weight.Format));
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, files, null);
        foreach (var weight in program.Weights.Where(weight => weight.Kind == WeightKind.Matrix))
        {
            foreach (var part in weight.Parts)
            {
                var stands = model.Tensors[part.TensorName].Values;
                for (var i = 0; i < stands.Length; i++)
                {
                    var kept = backend.Integers[(weight.Index, part.Offset + (i / weight.Columns), i % weight.Columns)];
                    Assert.InRange(Math.Abs(kept - stands[i]), 0, stands.AsSpan(i / 32 * 32, 32).ToArray().Max(Math.Abs) / 128);
                }
            }
        }
    }

    [Fact]
    public void Run_BundledModel_GivesTheFoldersLogitsBitForBit()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("model.gguf"), GgufConverter.ConvertDemo(GgmlEncoder.BF16).ToArray());
        int[] tokens = [0, 17, 300, 5, 1999, 42, 8, 700];
        using var fromFolder = new ModelRunner(Repository.DemoModel, 16);
        using var fromFile = new ModelRunner(folder.PathOf("model.gguf"), 16);
        Assert.Equal(fromFolder.Append(tokens), fromFile.Append(tokens));
        Assert.Equal(MemoryMarshal.Cast<float, int>(fromFolder.Logits(7)), MemoryMarshal.Cast<float, int>(fromFile.Logits(7)));
    }

    [Fact]
    public void Open_FactorsOfFrequencies_AreLlama3sScaling()
    {
        using var folder = new TemporaryFolder();
        var model = Make("LlamaForCausalLM", tied: true);
        var scaling = new Llama3Rope(8, 1, 4, 128);
        var (plain, scaled) = (RopeFrequencies.Of(new RopeConfig(10_000, new DefaultRope()), 16), RopeFrequencies.Of(new RopeConfig(10_000, scaling), 16));
        float[] factors = [.. plain.Zip(scaled, (before, after) => (float)(before / after))];
        Assert.True(factors[0] < 1.001 && factors[^1] > 7.9);
        var file = GgufConverter.Convert(model, GgmlEncoder.F32).Add("rope_freqs.weight", 0, [8], MemoryMarshal.AsBytes<float>(factors).ToArray());
        File.WriteAllBytes(folder.PathOf("model.gguf"), file.ToArray());
        var config = GgufModel.Open(folder.PathOf("model.gguf")).Config;
        Assert.All(RopeFrequencies.Of(config.Rope, 16).Zip(scaled), pair => Assert.Equal(pair.Second, pair.First, pair.Second * 1e-6));
        var program = ModelRegistry.Build("tiny", config, 64);
        using var backend = new RecordingBackend(program);
        LoadFile(backend, program, folder.PathOf("model.gguf"));
    }

    [Fact]
    public void Read_SamplingDefaults_AreThoseOfTheFile()
    {
        Assert.Equal(GenerationConfig.None with { EosIds = [] }, Generation(_ => { }) with { EosIds = [] });
        var found = Generation(file => file.Put("general.sampling.temp", 0.6f).Put("general.sampling.top_k", 20).Put("general.sampling.top_p", 0.95f)
            .Put("general.sampling.min_p", 0f).Put("general.sampling.penalty_repeat", 1.1f).Put("general.sampling.mirostat", 2));
        Assert.Equal((0.6f, 20, 0.95f, 0f, 1.1f), (found.Temperature, found.TopK, found.TopP, found.MinP, found.RepetitionPenalty));

        static GenerationConfig Generation(Action<GgufWriter> change)
        {
            var file = GgufConverter.Convert(Make("LlamaForCausalLM", tied: false), GgmlEncoder.F32);
            change(file);
            var bytes = file.ToArray();
            return GgufModel.Read(GgufHeader.Read(new MemoryStream(bytes), bytes.Length)).Generation;
        }
    }

    [Fact]
    public void Open_WhatIsNotDone_IsRefusedByName()
    {
        Refused(file => file.Remove("general.architecture").Put("general.architecture", "falcon"), "'falcon' is not supported in GGUF files; supported are llama");
        Refused(file => file.Put("llama.attention.sliding_window", 4096), "'llama.attention.sliding_window' is not supported");
        Refused(file => file.Put("llama.rope.scaling.type", "longrope").Put("llama.rope.scaling.factor", 4f), "'longrope' is not supported");
        Refused(file => file.Remove("llama.rope.dimension_count").Put("llama.rope.dimension_count", 8), "not equally long");
        Refused(file => file.Remove("tokenizer.ggml.pre").Put("tokenizer.ggml.pre", "superbpe"), "pre-tokenizer 'superbpe' is not supported");
        Refused(file => file.Remove("tokenizer.ggml.model").Put("tokenizer.ggml.model", "t5"), "tokenizer 't5' is not supported");
        Refused(file => file.Put("general.sampling.temp", -1f), "general.sampling.temp is not from 0 to 100");
        Refused(file => file.Put("general.sampling.top_k", 1.5f), "general.sampling.top_k is not a whole number");
        Refused(file => file.Remove("llama.block_count"), "llama.block_count is missing");
        Refused(file => file.Remove("tokenizer.ggml.eos_token_id").Put("tokenizer.ggml.eos_token_id", 128), "tokenizer.ggml.eos_token_id is not one of the 128 tokens");
        Refused(file => file.Put("tokenizer.ggml.token_type", new int[3]), "tokenizer.ggml.token_type does not have a number for every token");
        Refused(file => file.RemoveTensor("blk.1.ffn_up.weight"), "the file has no tensor 'blk.1.ffn_up.weight'");
        Refused(file => file.Add("blk.9.ffn_up.weight", 0, [1], new byte[4]), "the model has no place for tensor 'blk.9.ffn_up.weight'");
        Refused(file => file.RemoveTensor("blk.1.ffn_up.weight").Add("blk.1.ffn_up.weight", 0, [32, 96], new byte[4 * 32 * 96]), "has the dimensions [32, 96], expected [64, 96]");
        Refused(file => file.RemoveTensor("blk.1.ffn_up.weight").Add("blk.1.ffn_up.weight", 40, [64, 96], new byte[4]), "is NVFP4, which is not supported");
        Refused(file => file.RemoveTensor("output_norm.weight").Add("output_norm.weight", 8, [64], new byte[68]), "is Q8_0; F32, F16 and BF16 can be read there");
        Refused(file => file.Add("rope_freqs.weight", 0, [8], new byte[32]), "'rope_freqs.weight' holds numbers out of range");
    }

    private static void Refused(Action<GgufWriter> change, string message)
    {
        using var folder = new TemporaryFolder();
        var file = GgufConverter.Convert(Make("LlamaForCausalLM", tied: false), GgmlEncoder.F32);
        change(file);
        var path = folder.PathOf("model.gguf");
        File.WriteAllBytes(path, file.ToArray());
        var error = Assert.Throws<ModelFormatException>(() =>
        {
            var program = ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 64);
            using var backend = new RecordingBackend(program);
            LoadFile(backend, program, path);
        });
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static void LoadFile(RecordingBackend backend, ModelProgram program, string path)
    {
        using var files = GgufWeights.Open(path);
        WeightLoader.Load(backend, program, files);
    }

    private static TinyModel Make(string architecture, bool tied)
    {
        var model = new TinyModel(architecture) { ElementType = "F32" };
        Change(model, architecture);

        if (tied)
        {
            model.Config["tie_word_embeddings"] = true;
            model.Tensors.Remove("lm_head.weight");
        }

        return model;
    }

    private static void Change(TinyModel model, string architecture)
    {
        switch (architecture)
        {
            case "Qwen2ForCausalLM":
                model.AddQkvBiases();
                break;
            case "Qwen3ForCausalLM":
                model.AddHeadNorms();
                break;
            case "Qwen3MoeForCausalLM":
                model.AddHeadNorms();
                model.MakeMixture();
                model.Config["norm_topk_prob"] = true;
                break;
            case "Olmo2ForCausalLM" or "Olmo3ForCausalLM":
                model.MakeOlmo(architecture[4] - '0');
                break;
            case "Glm4ForCausalLM":
                model.MakeGlm(0.5);
                break;
            case "Exaone4ForCausalLM":
                model.MakeExaone(hasWindow: true);
                break;
            case "SeedOssForCausalLM":
                model.AddQkvBiases();
                break;
            case "OlmoeForCausalLM":
                model.AddNormsOfAllHeads();
                model.MakeMixture();
                break;
            case "Qwen2MoeForCausalLM":
                model.AddQkvBiases();
                model.MakeMixture();
                break;
            case "MixtralForCausalLM":
                model.MakeMixture();
                break;
            case "Gemma2ForCausalLM" or "Gemma3ForCausalLM":
                model.MakeGemma(architecture == "Gemma2ForCausalLM" ? 2 : 3);

                // What files do not say: the families' published numbers.
                model.Config["query_pre_attn_scalar"] = (int)model.Config["head_dim"]!;
                model.Config.Remove("sliding_window_pattern");
                break;
            case "GraniteForCausalLM":
                foreach (var (name, value) in new[] { ("embedding_multiplier", 12), ("residual_multiplier", 0.22), ("attention_multiplier", 0.015625), ("logits_scaling", 8) })
                {
                    model.Config[name] = value;
                }

                break;
        }
    }
}

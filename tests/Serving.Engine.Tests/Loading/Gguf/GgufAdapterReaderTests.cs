using System.Text;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Adapters as GGUF files against the same adapters in PEFT's format, and files that are refused.</summary>
public class GgufAdapterReaderTests
{
    private const int Rank = 4;
    private const string Llama = "LlamaForCausalLM";

    /// <summary>Every Linear of a model, under whatever names, in whatever order of rows: bit for bit what PEFT's folder gives.</summary>
    [Theory]
    [InlineData(Llama, "F32")]
    [InlineData(Llama, "F16")]
    [InlineData(Llama, "BF16")]
    [InlineData(Llama, "Q8_0")]
    [InlineData(Llama, "Q4_1")]
    [InlineData("MistralForCausalLM", "F32")]
    [InlineData("Qwen2ForCausalLM", "F32")]
    [InlineData("GraniteForCausalLM", "F32")]
    [InlineData("Olmo2ForCausalLM", "F32")]
    [InlineData("Glm4ForCausalLM", "F32")]
    [InlineData("Ernie4_5ForCausalLM", "F32")]
    [InlineData("Phi3ForCausalLM", "F32")]
    [InlineData("CohereForCausalLM", "F32")]
    [InlineData("PhiForCausalLM", "F32")]
    [InlineData("NemotronForCausalLM", "F32")]
    [InlineData("MixtralForCausalLM", "F32")]
    [InlineData("Qwen2MoeForCausalLM", "F16")]
    [InlineData("Qwen3MoeForCausalLM", "F32")]
    [InlineData("GraniteMoeSharedForCausalLM", "F32")]
    public void Read_AdapterOfEveryLinear_IsThePeftFolders(string architecture, string type)
    {
        var model = architecture == "Phi3ForCausalLM" ? FamilyTests.Phi3(0.75, 0) : WeightLoaderTests.Make(architecture, tied: false);
        var (program, tensors) = (Build(model), Tensors(model));
        var file = GgufAdapterConverter.Convert(model.Config, tensors, 6, GgmlEncoder.Of(type)).ToArray();
        var actual = GgufAdapterReader.Read(file, program, architecture);
        var config = AdapterGenerator.Config(Rank, []);
        config["target_modules"] = "all-linear";
        config["lora_alpha"] = 6;
        AssertEqual(PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), Write(tensors), program), actual);
        Assert.Equal(1.5f, actual.Weights.Slices[0].Scale);
    }

    /// <summary>Alphas of rank-stabilized adapters, several ranks, some of the projections.</summary>
    [Theory]
    [InlineData("acme")]
    [InlineData("french")]
    [InlineData("json")]
    [InlineData("terse")]
    public void Read_BundledAdapters_AreThePeftFolders(string name)
    {
        var folder = Path.Combine(Repository.DemoAdapters, name);
        var program = ModelRegistry.Build("demo", ModelFolder.Open(Repository.DemoModel).Config, 64);
        var expected = PeftAdapterReader.Read(File.ReadAllBytes(Path.Combine(folder, "adapter_config.json")), File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors")), program);
        var actual = GgufAdapterReader.Read(GgufAdapterConverter.ConvertDemo(name).ToArray(), program, Llama);
        AssertEqual(expected, actual);
        Assert.NotEqual(expected.Digest, actual.Digest);
    }

    /// <summary>There is no model that is served and whose adapters have no names there.</summary>
    [Fact]
    public void Of_EveryArchitecture_HasAFamily() =>
        Assert.All(ModelRegistry.Architectures, architecture => Assert.NotEmpty(GgufAdapterFamily.Of(architecture).Name));

    /// <summary>llama.cpp's factor without an alpha, or with one of 0, is 1.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(0f)]
    public void Read_WithoutAlpha_IsNotScaled(float? alpha)
    {
        var file = MakeFile().Remove("adapter.lora.alpha");
        Assert.All(Read(alpha is { } value ? file.Put("adapter.lora.alpha", value) : file).Weights.Slices, slice => Assert.Equal(1, slice.Scale));
    }

    [Fact]
    public void Read_WhatIsForClients_IsPassedOver() =>
        Assert.NotEmpty(Read(MakeFile().Put("adapter.lora.task_name", "answer").Put("adapter.lora.prompt_prefix", "Answer: ").Put("general.name", "x")).Weights.Slices);

    public static TheoryData<string, AdapterFailure, string> Refusals => new()
    {
        { "general.type=model", AdapterFailure.Unsupported, "general.type 'model'" },
        { "general.type", AdapterFailure.Corrupt, "general.type is missing" },
        { "adapter.type=control_vector", AdapterFailure.Unsupported, "adapter.type 'control_vector'" },
        { "general.architecture=qwen2", AdapterFailure.Corrupt, "'qwen2', and this one is of llama" },
        { "general.architecture", AdapterFailure.Corrupt, "general.architecture is missing" },
        { "adapter.alora.invocation_tokens=1", AdapterFailure.Unsupported, "adapter.alora.invocation_tokens" },
        { "adapter.lora.alpha=x", AdapterFailure.Corrupt, "adapter.lora.alpha is not a number" },
        { "+token_embd.weight.lora_a", AdapterFailure.Unsupported, "LoRA of embeddings" },
        { "+output.weight.lora_b", AdapterFailure.Unsupported, "LoRA of the output projection" },
        { "+blk.0.attn_norm.weight", AdapterFailure.Unsupported, "weight of a norm" },
        { "+blk.7.attn_q.weight.lora_a", AdapterFailure.Unsupported, "blk.7.attn_q.weight.lora_a" },
        { "+blk.0.attn_q.bias.lora_a", AdapterFailure.Unsupported, "blk.0.attn_q.bias.lora_a" },
        { "+blk.0.attn_q.weight", AdapterFailure.Unsupported, "not of a projection" },
        { "-blk.0.attn_q.weight.lora_b", AdapterFailure.Corrupt, "without its other half" },
        { "-blk.1.ffn_up.weight.lora_a", AdapterFailure.Corrupt, "without its other half" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Read_WhatDoesNotFit_IsRefusedByName(string change, AdapterFailure failure, string reason)
    {
        var file = MakeFile();
        var (key, value) = change.Split('=') is [var name, var text] ? (name, text) : (change, null);
        _ = change[0] switch
        {
            '+' => file.Add(change[1..], 0, [64, Rank], new byte[64 * Rank * 4]),
            '-' => file.RemoveTensor(change[1..]),
            _ => value is null ? file.Remove(key) : file.Remove(key).Put(key, value),
        };
        AssertRefused(file, failure, reason);
    }

    [Theory]
    [InlineData("lora_a", 0, new long[] { 60, Rank }, AdapterFailure.Corrupt, "expected [64, 4]")]
    [InlineData("lora_a", 0, new long[] { 64, 5 }, AdapterFailure.Corrupt, "expected [5, 64]")]
    [InlineData("lora_b", 0, new long[] { Rank, 63 }, AdapterFailure.Corrupt, "expected [4, 64]")]
    [InlineData("lora_a", 0, new long[] { 64 }, AdapterFailure.Unsupported, "rank 0")]
    [InlineData("lora_a", 0, new long[] { 64, 257 }, AdapterFailure.Unsupported, "rank 257")]
    [InlineData("lora_a", 0, new long[] { 64, Rank, 1 }, AdapterFailure.Corrupt, "dimensions")]
    [InlineData("lora_a", 24, new long[] { 64, Rank }, AdapterFailure.Unsupported, "is I8")]
    public void Read_ShapesThatDoNotFit_AreRefusedByName(string half, int type, long[] dimensions, AdapterFailure failure, string reason)
    {
        var name = "blk.0.attn_q.weight." + half;
        AssertRefused(MakeFile().RemoveTensor(name).Add(name, (uint)type, dimensions, new byte[dimensions.Aggregate(4L, (product, dimension) => product * dimension)]), failure, reason);
    }

    [Fact]
    public void Read_ValueThatIsNotFinite_IsRefused()
    {
        var model = new TinyModel(Llama);
        var tensors = Tensors(model);
        tensors["model.layers.1.mlp.up_proj.lora_B.weight"].Values[3] = float.NaN;
        AssertRefused(GgufAdapterConverter.Convert(model.Config, tensors, 1, GgmlEncoder.F32), AdapterFailure.Corrupt, "not finite");
    }

    [Fact]
    public void Read_ExpertsOnADeviceThatDoesNotAdaptThem_IsRefused()
    {
        var model = WeightLoaderTests.Make("Qwen3MoeForCausalLM", tied: false);
        var file = GgufAdapterConverter.Convert(model.Config, Tensors(model), 1, GgmlEncoder.F32).ToArray();
        var error = Assert.Throws<AdapterFormatException>(() => GgufAdapterReader.Read(file, Build(model), "Qwen3MoeForCausalLM", adaptsExperts: false));
        Assert.Equal(AdapterFailure.Unsupported, error.Failure);
    }

    [Fact]
    public void Read_Mutated20000Times_IsReadOrRefused()
    {
        var (model, file) = (new TinyModel(Llama), MakeFile(GgmlEncoder.Q8).ToArray());
        var program = Build(model);
        using var stream = new MemoryStream(file);
        var headerBytes = (int)GgufHeader.Read(stream, file.Length).DataOffset;
        HostileFiles.Run<AdapterFormatException>(20_000, file, headerBytes, mutated => GgufAdapterReader.Read(mutated, program, Llama));
    }

    private static void AssertRefused(GgufWriter file, AdapterFailure failure, string reason)
    {
        var error = Assert.Throws<AdapterFormatException>(() => Read(file));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(failure, error.Failure);
    }

    private static void AssertEqual(AdapterContent expected, AdapterContent actual)
    {
        Assert.Equal(expected.SizeBytes, actual.SizeBytes);
        Assert.Equal(expected.Weights.Slices.Select(slice => (slice.Slice, slice.Expert, slice.Rank, slice.Scale)), actual.Weights.Slices.Select(slice => (slice.Slice, slice.Expert, slice.Rank, slice.Scale)));
        foreach (var (one, other) in expected.Weights.Slices.Zip(actual.Weights.Slices))
        {
            Assert.True(one.A.Span.SequenceEqual(other.A.Span) && one.B.Span.SequenceEqual(other.B.Span), $"slice {one.Slice}, expert {one.Expert}");
        }
    }

    private static AdapterContent Read(GgufWriter file) => GgufAdapterReader.Read(file.ToArray(), Build(new TinyModel(Llama)), Llama);

    private static GgufWriter MakeFile(GgmlEncoder? encoder = null)
    {
        var model = new TinyModel(Llama);
        return GgufAdapterConverter.Convert(model.Config, Tensors(model), 8, encoder ?? GgmlEncoder.F32);
    }

    private static ModelProgram Build(TinyModel model) => ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), 32);

    /// <summary>Random halves for every matrix of a layer that is a module.</summary>
    private static Dictionary<string, (long[] Shape, float[] Values)> Tensors(TinyModel model)
    {
        var random = new Random(7);
        var tensors = new Dictionary<string, (long[] Shape, float[] Values)>(StringComparer.Ordinal);
        foreach (var (name, (shape, _)) in model.Tensors.Where(tensor => tensor.Value.Shape.Length == 2 && tensor.Key.Contains(".layers.", StringComparison.Ordinal)))
        {
            var module = name[..^".weight".Length];
            tensors.Add($"{module}.lora_A.weight", ([Rank, shape[1]], Values(Rank * shape[1])));
            tensors.Add($"{module}.lora_B.weight", ([shape[0], Rank], Values(shape[0] * Rank)));
        }

        return tensors;

        float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private static byte[] Write(Dictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        var writer = new SafetensorsWriter();
        foreach (var (name, (shape, values)) in tensors)
        {
            writer.Add("base_model.model." + name, "F32", shape, values);
        }

        return writer.ToArray();
    }
}

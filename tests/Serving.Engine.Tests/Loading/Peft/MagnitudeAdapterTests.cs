using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Peft;

/// <summary>DoRA as PEFT writes it: which magnitude is whose, what it comes to, and what is refused.</summary>
public sealed class MagnitudeAdapterTests
{
    private const int Rank = 4;
    private const int Positions = 48;
    private const string First = "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector";

    /// <summary>
    /// PEFT's formula on a whole model, in fp32 throughout: an adapter of every Linear against the model whose rows are magnitude · (W + s·B·A) ÷ ‖W + s·B·A‖ and whose biases are as they
    /// were; in fused modules, in heads that are kept in another order, of experts, and of what chooses them.
    /// </summary>
    [Theory]
    [InlineData("LlamaForCausalLM", "")]
    [InlineData("Qwen2ForCausalLM", ".weight")]
    [InlineData("Glm4ForCausalLM", "")]
    [InlineData("Phi3ForCausalLM", "")]
    [InlineData("Qwen3MoeForCausalLM", ".default.weight")]
    public void Read_AdapterOfEveryLinear_IsTheModelOfItsRows(string architecture, string end)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture);
        model.Write(folder.Path);
        var config = ConfigOf();
        config["target_modules"] = "all-linear";
        config["layers_to_transform"] = null;
        var adapter = Read(config, WriteAndMerge(model, end), Build(model));
        Assert.All(adapter.Weights.Slices, slice => Assert.False(slice.Magnitudes.IsEmpty));
        Assert.Equal(adapter.Weights.Slices.Sum(slice => (2L * (slice.A.Length + slice.B.Length)) + (4L * slice.Magnitudes.Length)), adapter.SizeBytes);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        var expected = new PlainDecoder(model) { Positions = Positions }.Logits(tokens);
        AssertClose(expected, folder.Path, adapter.Weights, tokens, 1e-3);
        var withoutMagnitudes = new AdapterWeights([.. adapter.Weights.Slices.Select(slice => slice with { Magnitudes = default })]);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertClose(expected, folder.Path, withoutMagnitudes, tokens, 5e-3));
    }

    [Theory]
    [InlineData("+", AdapterFailure.Corrupt, "expected [64]")]
    [InlineData("nan", AdapterFailure.Corrupt, "not finite")]
    [InlineData("-", AdapterFailure.Corrupt, "q_proj' is targeted, use_dora is set, and its lora_magnitude_vector is missing")]
    [InlineData("flag", AdapterFailure.Corrupt, "is of DoRA, and use_dora is not set")]
    [InlineData("twice", AdapterFailure.Corrupt, "appears twice")]
    [InlineData("parameters", AdapterFailure.Unsupported, "use_dora is not supported with target_parameters")]
    [InlineData("device", AdapterFailure.Unsupported, "use_dora is not supported on this device")]
    [InlineData("embeddings", AdapterFailure.Unsupported, "a LoRA of embeddings")]
    public void Read_WhatDoesNotFit_IsRefusedByName(string change, AdapterFailure failure, string reason)
    {
        var (config, values) = (ConfigOf(), new float[change == "+" ? 65 : 64]);
        values[7] = change == "nan" ? float.NaN : 1;
        config["use_dora"] = change != "flag";
        config["target_parameters"] = change == "parameters" ? new JsonArray("experts.down_proj") : null;
        var writer = Matrices(new SafetensorsWriter(), "base_model.model.model.layers.0.self_attn.q_proj");
        _ = change == "-" ? writer : writer.Add(First, "F32", [values.Length], values);
        _ = change == "twice" ? writer.Add(First + ".weight", "F32", [64], new float[64]) : writer;
        _ = change == "embeddings" ? writer.Add("base_model.model.model.embed_tokens.lora_embedding_A", "F32", [64], new float[64]) : writer;
        var error = Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(
            Encoding.UTF8.GetBytes(config.ToJsonString()), writer.ToArray(), Build(new TinyModel("LlamaForCausalLM")), adaptsMagnitudes: change != "device"));
        Assert.Equal(failure, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Read_AnyElementType_IsWidened(string type)
    {
        float[] values = [.. Enumerable.Range(0, 64).Select(i => i / 4f)];
        var writer = Matrices(new SafetensorsWriter(), "base_model.model.model.layers.0.self_attn.q_proj").Add(First, type, [64], values);
        Assert.Equal(values, Read(ConfigOf(), writer.ToArray(), Build(new TinyModel("LlamaForCausalLM"))).Weights.Slices[0].Magnitudes.ToArray());
    }

    [Fact]
    public void Read_Mutated20000Times_IsReadOrRefused()
    {
        var program = Build(new TinyModel("LlamaForCausalLM"));
        var text = Encoding.UTF8.GetBytes(ConfigOf().ToJsonString());
        var file = Matrices(new SafetensorsWriter(), "base_model.model.model.layers.0.self_attn.q_proj").Add(First, "F32", [64], new float[64]).ToArray();
        HostileFiles.Run<AdapterFormatException>(20_000, file, 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file), mutated => PeftAdapterReader.Read(text, mutated, program));
    }

    private static TinyModel Make(string architecture) => architecture switch
    {
        "Phi3ForCausalLM" => FamilyTests.Phi3(0.75, 0),
        "Qwen3MoeForCausalLM" => MixtureFamilyTests.Make(architecture, true, 0),
        _ => WeightLoaderTests.Make(architecture, tied: false),
    };

    private static JsonObject ConfigOf()
    {
        var config = AdapterGenerator.Config(Rank, []);
        config["target_modules"] = new JsonArray("q_proj");
        config["layers_to_transform"] = new JsonArray(0);
        config["use_dora"] = true;
        return config;
    }

    private static ModelProgram Build(TinyModel model) => ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), Positions);

    private static AdapterContent Read(JsonObject config, byte[] file, ModelProgram program) => PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), file, program);

    private static SafetensorsWriter Matrices(SafetensorsWriter writer, string module) => writer
        .Add(module + ".lora_A.weight", "F32", [Rank, 64], new float[Rank * 64])
        .Add(module + ".lora_B.weight", "F32", [64, Rank], new float[64 * Rank]);

    /// <summary>A random adapter of every matrix of a layer; the matrices become those of the adapted model.</summary>
    private static byte[] WriteAndMerge(TinyModel model, string end)
    {
        var random = new Random(9);
        var writer = new SafetensorsWriter();
        foreach (var name in model.Tensors.Keys.Where(name => name.Contains(".layers.", StringComparison.Ordinal) && model.Tensors[name].Shape.Length == 2).ToList())
        {
            var (shape, weights) = model.Tensors[name];
            var (rows, columns) = ((int)shape[0], (int)shape[1]);
            var (a, b, module) = (Values(Rank * columns), Values(rows * Rank), "base_model.model." + name[..^".weight".Length]);
            float[] magnitudes = [.. Enumerable.Range(0, rows).Select(_ => random.NextSingle() + 0.2f)];
            writer.Add($"{module}.lora_A.weight", "BF16", [Rank, columns], a).Add($"{module}.lora_B.weight", "BF16", [rows, Rank], b);
            writer.Add($"{module}.lora_magnitude_vector{end}", "F32", [rows], magnitudes);
            for (var row = 0; row < rows; row++)
            {
                // alpha ÷ rank is 2.
                double[] whole = [.. Enumerable.Range(0, columns).Select(k => weights[(row * columns) + k] + (2 * Enumerable.Range(0, Rank).Sum(r => (double)b[(row * Rank) + r] * a[(r * columns) + k])))];
                var factor = magnitudes[row] / Math.Sqrt(whole.Sum(value => value * value));
                for (var k = 0; k < columns; k++)
                {
                    weights[(row * columns) + k] = (float)(whole[k] * factor);
                }
            }
        }

        return writer.ToArray();

        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.Next(33) - 16) / 128f)];
    }

    private static void AssertClose(double[] expected, string folder, AdapterWeights adapter, int[] tokens, double part)
    {
        using var runner = new ModelRunner(folder, Positions, adapter: adapter);
        runner.Append(tokens);
        var actual = runner.Logits(tokens.Length - 1);
        var tolerance = part * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }
}

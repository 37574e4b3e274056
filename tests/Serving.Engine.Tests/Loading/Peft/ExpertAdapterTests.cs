using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Peft;

/// <summary>Adapters of mixtures of experts, as PEFT writes them where every expert is a module of its own, and what chooses them too.</summary>
public sealed class ExpertAdapterTests
{
    private const int Positions = 48;

    /// <summary>
    /// An adapter of every Linear, of another rank for some, against the model with its products added to the weights, in fp32 throughout: all names, which expert is whose, where
    /// gate, up and down go, and routing by logits that the adapter changes.
    /// </summary>
    [Theory]
    [InlineData("Qwen3MoeForCausalLM", 0)]
    [InlineData("Qwen3MoeForCausalLM", 1)]
    [InlineData("MixtralForCausalLM", 0)]
    [InlineData("GraniteMoeForCausalLM", 0)]
    public void Read_AdapterOfEveryLinear_IsTheMergedModel(string architecture, int firstLayer)
    {
        using var folder = new TemporaryFolder();
        var model = MixtureFamilyTests.Make(architecture, true, firstLayer);
        model.Write(folder.Path);
        var config = AdapterGenerator.Config(3, []);
        config["target_modules"] = "all-linear";
        config["rank_pattern"] = new JsonObject { ["experts.2.down_proj"] = 9, ["experts.2.w2"] = 9, ["layers.1.self_attn.q_proj"] = 1 };
        var adapter = Read(config, WriteAndMerge(model, config), ProgramOf(architecture, firstLayer));
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        var merged = new PlainDecoder(model).Logits(tokens);
        AssertClose(merged, folder.Path, adapter, tokens, 1e-3);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertClose(merged, folder.Path, null, tokens, 5e-3));
    }

    /// <summary>What was trained where experts, or what chooses them, are no modules: nothing of them is there, whatever the targets say.</summary>
    [Theory]
    [InlineData("\"all-linear\"")]
    [InlineData("[\"q_proj\",\"gate_proj\",\"up_proj\",\"down_proj\"]")]
    public void Read_AdapterWithoutExperts_ChangesAttention(string targets)
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = JsonNode.Parse(targets);
        var names = ModulesOf("Qwen3MoeForCausalLM").Where(name => name.Contains("self_attn", StringComparison.Ordinal) && (targets[0] == '"' || name.EndsWith("q_proj", StringComparison.Ordinal)));
        var adapter = Read(config, Write(names, 4), ProgramOf("Qwen3MoeForCausalLM", 0));
        Assert.Equal(names.Count(), adapter.Weights.Slices.Count);
    }

    /// <summary>gpt-oss's experts are parameters whose gate and up take turns: an adapter of them is refused, whichever way the checkpoint keeps them; one of attention, and of what chooses, is taken.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_AdapterOfGptOss_IsOfAttentionAndTheRouterAlone(bool byExpert)
    {
        var program = GptOss(byExpert);
        string[] attention = [.. Enumerable.Range(0, program.Shape.LayerCount).SelectMany(layer => new[] { "q", "k", "v", "o" }.Select(name => $"model.layers.{layer}.self_attn.{name}_proj"))];
        var config = AdapterGenerator.Config(2, []);
        config["target_modules"] = "all-linear";
        Assert.Equal(attention.Length, Read(config, WriteOf(program, attention), program).Weights.Slices.Count);
        foreach (var module in new[] { "mlp.experts", "mlp.experts.base_layer", "mlp.experts.0.gate_proj" })
        {
            config["target_parameters"] = new JsonArray("mlp.experts.gate_up_proj", "mlp.experts.down_proj");
            var error = Assert.Throws<AdapterFormatException>(() => Read(config, WriteOf(program, [.. attention, $"model.layers.0.{module}"]), program));
            Assert.Equal(AdapterFailure.Unsupported, error.Failure);
            Assert.Contains("mlp.experts", error.Message, StringComparison.Ordinal);
        }
    }

    private static ModelProgram GptOss(bool byExpert)
    {
        var model = GptOssTests.Make(64, hasAttentionBias: true);
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString()));
        return ModelRegistry.Build("tiny", byExpert ? config with { Mixture = config.Mixture! with { Tensors = MixtureTensors.GptOssByExpert } } : config, Positions);
    }

    /// <summary>Pairs of rank 2 for modules of attention, of whatever shape their slices have, and of some shape for others.</summary>
    private static byte[] WriteOf(ModelProgram program, IEnumerable<string> modules)
    {
        var writer = new SafetensorsWriter();
        foreach (var module in modules)
        {
            var projection = module[^6] switch { 'q' => Projection.Query, 'k' => Projection.Key, 'v' => Projection.Value, _ => Projection.Output };
            var slice = program.Slices.First(slice => slice.Projection == projection);
            writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [2, slice.InputWidth], new float[2 * slice.InputWidth]);
            writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [slice.OutputWidth, 2], new float[2 * slice.OutputWidth]);
        }

        return writer.ToArray();
    }

    /// <summary>Experts are there or not; some of them are a file that was cut.</summary>
    [Theory]
    [InlineData("model.layers.1.mlp.experts.3.up_proj")]
    [InlineData("model.layers.0.mlp.gate")]
    [InlineData("model.layers.0.mlp.experts.0.gate_proj")]
    public void Read_AdapterThatLacksOne_NamesIt(string module)
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = "all-linear";
        var error = Fails(config, Write(ModulesOf("Qwen3MoeForCausalLM").Where(name => name != module), 4), "Qwen3MoeForCausalLM");
        Assert.Equal(AdapterFailure.Corrupt, error.Failure);
        Assert.Contains(module, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.mlp.experts.6.up_proj", "an expert")]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.mlp.experts.05.up_proj", "an expert")]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.block_sparse_moe.gate", "experts or of what chooses them")]
    [InlineData("MixtralForCausalLM", "model.layers.1.mlp.gate", "experts or of what chooses them")]
    [InlineData("MixtralForCausalLM", "model.layers.0.block_sparse_moe.experts.0.w4", "an expert")]
    [InlineData("GraniteMoeForCausalLM", "model.layers.0.block_sparse_moe.experts.0.w1", "an expert")]
    [InlineData("LlamaForCausalLM", "model.layers.0.mlp.experts.0.up_proj", "an expert")]
    [InlineData("LlamaForCausalLM", "model.layers.1.mlp.experts", "experts")]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.mlp.experts.base_layer.base_layer", "an expert")]
    [InlineData("Qwen3MoeForCausalLM", "model.layers.1.self_attn.q_proj.base_layer", "a saved base layer")]
    public void Read_AdapterOfWhatIsNoModule_IsRefused(string architecture, string module, string what)
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = "all-linear";
        var error = Fails(config, Write([module], 4), architecture);
        Assert.Equal(AdapterFailure.Unsupported, error.Failure);
        Assert.Contains(module, error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A device that does not run them refuses them by name, and takes what else there is.</summary>
    [Fact]
    public void Read_ForADeviceWithoutThem_IsRefused()
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = "all-linear";
        var modules = ModulesOf("Qwen3MoeForCausalLM");
        var program = ProgramOf("Qwen3MoeForCausalLM", 0);
        foreach (var (name, what) in new[] { ("mlp.experts.0.up_proj", "an expert"), ("mlp.gate", "what chooses them") })
        {
            var file = Write(modules.Where(module => module.EndsWith(name, StringComparison.Ordinal)), 4);
            var error = Assert.Throws<AdapterFormatException>(() => PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), file, program, adaptsExperts: false));
            Assert.Equal(AdapterFailure.Unsupported, error.Failure);
            Assert.Contains(what, error.Message, StringComparison.Ordinal);
            Assert.Contains("this device", error.Message, StringComparison.Ordinal);
        }

        var attention = Write(modules.Where(module => module.Contains("self_attn", StringComparison.Ordinal)), 4);
        Assert.Equal(4 * TinyModel.Layers, PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), attention, program, adaptsExperts: false).Weights.Slices.Count);
    }

    /// <summary>
    /// Experts as one parameter, what chooses them as another: with columns of lora_A as PEFT has them since 0.19 and as it had them before, and with either parameter wrapped first.
    /// </summary>
    [Theory]
    [InlineData("Qwen3MoeForCausalLM", false, false)]
    [InlineData("Qwen3MoeForCausalLM", true, true)]
    [InlineData("MixtralForCausalLM", true, false)]
    [InlineData("GraniteMoeForCausalLM", false, false)]
    [InlineData("GraniteMoeForCausalLM", true, false)]
    public void Read_AdapterOfParameters_IsTheMergedModel(string architecture, bool isSwapped, bool downFirst)
    {
        using var folder = new TemporaryFolder();
        var model = MixtureFamilyTests.Make(architecture, true, 0);
        model.Write(folder.Path);
        var config = AdapterGenerator.Config(3, []);
        var isGranite = architecture.StartsWith("Granite", StringComparison.Ordinal);
        config["target_modules"] = new JsonArray("q_proj");

        // Granite adds little of an MLP to its residual stream: enough of it that the comparison shows something.
        config["lora_alpha"] = 40;
        config["target_parameters"] = isGranite
            ? new JsonArray("block_sparse_moe.input_linear.weight", "output_linear.weight")
            : new JsonArray("mlp.experts.gate_up_proj", "experts.down_proj");
        config["rank_pattern"] = new JsonObject { [isGranite ? "output_linear.weight" : "experts.down_proj"] = 5 };
        var adapter = Read(config, WriteAndMergeParameters(model, config, isGranite, isSwapped, downFirst), ProgramOf(architecture, 0));
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        var merged = new PlainDecoder(model).Logits(tokens);
        AssertClose(merged, folder.Path, adapter, tokens, 1e-3);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertClose(merged, folder.Path, null, tokens, 5e-3));
    }

    /// <summary>Of a square parameter the shapes do not say which of its matrices is which; the library's version does.</summary>
    [Theory]
    [InlineData("0.18.1", true)]
    [InlineData("0.19.0", false)]
    [InlineData("1.0.0.dev0", false)]
    [InlineData("new", null)]
    [InlineData(null, null)]
    public void Read_SquareParameter_IsReadByTheLibrarysVersion(string? version, bool? isSwapped)
    {
        var model = MixtureFamilyTests.Make("Qwen3MoeForCausalLM", true, 0);
        model.Config["moe_intermediate_size"] = TinyModel.Hidden / 2;
        var config = AdapterGenerator.Config(1, []);
        config["target_modules"] = null;
        config["target_parameters"] = new JsonArray("experts.gate_up_proj");
        config["peft_version"] = version;
        var writer = new SafetensorsWriter();
        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            float[] values = [.. Enumerable.Range(0, 6 * 64).Select(i => i / 1024f)];
            writer.Add($"base_model.model.model.layers.{layer}.mlp.experts.lora_A.weight", "F32", [6, 64], values);
            writer.Add($"base_model.model.model.layers.{layer}.mlp.experts.lora_B.weight", "F32", [64, 6], [.. values.Select(value => -value)]);
        }

        if (isSwapped is not { } swapped)
        {
            var error = Assert.Throws<AdapterFormatException>(() => Read(config, writer.ToArray(), Build(model)));
            Assert.Contains("peft_version", error.Message, StringComparison.Ordinal);
            return;
        }

        var slices = Read(config, writer.ToArray(), Build(model)).Weights.Slices;
        Assert.Equal(2 * 6 * TinyModel.Layers, slices.Count);
        Assert.All(slices, slice => Assert.Equal(swapped, slice.A.Span[^1] >> 15 == 1));
        Assert.All(slices, slice => Assert.Equal(swapped, slice.B.Span[^1] >> 15 == 0));
    }

    /// <summary>What chooses experts is a parameter with two dimensions in transformers 5: a Linear's in all but name, with patterns under the parameter's.</summary>
    [Fact]
    public void Read_RouterAsAParameter_IsALinears()
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = null;
        config["target_parameters"] = new JsonArray("mlp.gate.weight");
        config["rank_pattern"] = new JsonObject { ["gate.weight"] = 2 };
        var slices = Read(config, Write(ModulesOf("Qwen3MoeForCausalLM").Where(name => name.EndsWith("mlp.gate", StringComparison.Ordinal)), 2), ProgramOf("Qwen3MoeForCausalLM", 0)).Weights.Slices;
        Assert.Equal([2, 2], slices.Select(slice => slice.Rank));
        Assert.All(slices, slice => Assert.Equal(4f, slice.Scale));
    }

    /// <summary>A projection cannot be changed as a module and as a part of a parameter at once.</summary>
    [Fact]
    public void Read_ExpertsAsModulesAndAsAParameter_IsRefused()
    {
        var config = AdapterGenerator.Config(1, []);
        config["target_modules"] = ".*(down_proj|up_proj|gate_proj)";
        config["target_parameters"] = new JsonArray("experts.down_proj");
        var writer = new SafetensorsWriter();
        foreach (var module in ModulesOf("Qwen3MoeForCausalLM").Where(name => name.Contains("experts", StringComparison.Ordinal)))
        {
            var (input, output) = module.EndsWith("down_proj", StringComparison.Ordinal) ? (40, 64) : (64, 40);
            writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [1, input], new float[input]);
            writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [output, 1], new float[output]);
        }

        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            writer.Add($"base_model.model.model.layers.{layer}.mlp.experts.lora_A.weight", "F32", [6, 40], new float[6 * 40]);
            writer.Add($"base_model.model.model.layers.{layer}.mlp.experts.lora_B.weight", "F32", [64, 6], new float[6 * 64]);
        }

        Assert.Contains("parameter, too", Fails(config, writer.ToArray(), "Qwen3MoeForCausalLM").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[\"experts.gate_up_proj\"]", "gate_up_proj", AdapterFailure.Corrupt)]
    [InlineData("[\"experts.w13\"]", "w13", AdapterFailure.Unsupported)]
    [InlineData("[\"xperts.down_proj\"]", "xperts.down_proj", AdapterFailure.Unsupported)]
    [InlineData("\"experts.down_proj\"", "target_parameters", AdapterFailure.Unsupported)]
    [InlineData("[]", "mlp.experts.lora_A", AdapterFailure.Corrupt)]
    public void Read_ParametersThatDoNotFit_AreNamed(string targets, string what, AdapterFailure failure)
    {
        var config = AdapterGenerator.Config(4, []);
        config["target_modules"] = "none of them";
        config["target_parameters"] = JsonNode.Parse(targets);
        var writer = new SafetensorsWriter();
        writer.Add("base_model.model.model.layers.0.mlp.experts.lora_A.weight", "F32", [24, 40], new float[24 * 40]);
        writer.Add("base_model.model.model.layers.0.mlp.experts.lora_B.weight", "F32", [64, 24], new float[64 * 24]);
        var error = Fails(config, writer.ToArray(), "Qwen3MoeForCausalLM");
        Assert.Equal(failure, error.Failure);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A file of rank 256 of all experts is not too large by itself: what it may be follows from the model.</summary>
    [Fact]
    public void MaxWeightBytes_OfAMixture_CountsEveryExpert()
    {
        var program = ProgramOf("Qwen3MoeForCausalLM", 0);
        var experts = program.Slices.Where(slice => slice.Experts > 1).Sum(slice => 6L * 256 * 4 * (slice.InputWidth + slice.OutputWidth));
        Assert.InRange(PeftAdapterReader.MaxWeightBytes(program), experts, long.MaxValue);
    }

    /// <summary>Mutated files of such adapters are read or refused with the typed exception: of experts as modules, and as parameters.</summary>
    [Theory]
    [InlineData("MixtralForCausalLM")]
    [InlineData("Qwen3MoeForCausalLM")]
    public void Read_Mutated20000Times_IsReadOrRefused(string architecture)
    {
        var ofParameters = architecture.StartsWith("Qwen", StringComparison.Ordinal);
        var config = AdapterGenerator.Config(3, []);
        config["target_modules"] = ofParameters ? new JsonArray("q_proj") : ".*experts.[0-5].w2";
        config["target_parameters"] = ofParameters ? new JsonArray("experts.gate_up_proj", "experts.down_proj") : null;
        config["rank_pattern"] = new JsonObject { ["experts.down_proj"] = 5 };
        config["layers_to_transform"] = ofParameters ? null : new JsonArray(0);
        var text = Encoding.UTF8.GetBytes(config.ToJsonString());
        var program = ProgramOf(architecture, 0);
        var file = ofParameters
            ? WriteAndMergeParameters(MixtureFamilyTests.Make(architecture, true, 0), config, isGranite: false, isSwapped: false, downFirst: false)
            : Write(ModulesOf(architecture).Where(name => name.StartsWith("model.layers.0.", StringComparison.Ordinal) && name.EndsWith(".w2", StringComparison.Ordinal)), 3, architecture);
        Assert.Equal(ofParameters ? TinyModel.Layers * (1 + (3 * 6)) : 6, PeftAdapterReader.Read(text, file, program).Weights.Slices.Count);
        var headerBytes = 8 + (int)System.Buffers.Binary.BinaryPrimitives.ReadInt64LittleEndian(file);
        HostileFiles.Run<AdapterFormatException>(20_000, file, headerBytes, mutated => PeftAdapterReader.Read(text, mutated, program));
        HostileFiles.Run<AdapterFormatException>(20_000, text, text.Length, mutated => PeftAdapterReader.Read(mutated, file, program));
    }

    private static void AssertClose(double[] expected, string folder, AdapterContent? adapter, int[] tokens, double part)
    {
        using var runner = new ModelRunner(folder, Positions, adapter: adapter?.Weights);
        runner.Append(tokens);
        var actual = runner.Logits(tokens.Length - 1);
        var tolerance = part * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    private static AdapterFormatException Fails(JsonObject config, byte[] file, string architecture) =>
        Assert.Throws<AdapterFormatException>(() => Read(config, file, architecture == "LlamaForCausalLM" ? Build(new TinyModel(architecture)) : ProgramOf(architecture, 0)));

    private static AdapterContent Read(JsonObject config, byte[] file, ModelProgram program) => PeftAdapterReader.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), file, program);

    private static ModelProgram ProgramOf(string architecture, int firstLayer) => Build(MixtureFamilyTests.Make(architecture, true, firstLayer));

    private static ModelProgram Build(TinyModel model) => ModelRegistry.Build("mixture", ModelConfig.Parse(Encoding.UTF8.GetBytes(model.Config.ToJsonString())), Positions);

    /// <summary>Every tensor of a layer that is a Linear's weight.</summary>
    private static List<string> ModulesOf(TinyModel model) =>
        [.. model.Tensors.Where(tensor => tensor.Key.StartsWith("model.layers.", StringComparison.Ordinal) && tensor.Value.Shape.Length == 2).Select(tensor => tensor.Key[..^".weight".Length])];

    private static List<string> ModulesOf(string architecture) => ModulesOf(MixtureFamilyTests.Make(architecture, true, 0));

    private static byte[] Write(IEnumerable<string> modules, int rank, string architecture = "Qwen3MoeForCausalLM")
    {
        var model = MixtureFamilyTests.Make(architecture, true, 0);
        var writer = new SafetensorsWriter();
        foreach (var module in modules)
        {
            var shape = model.Tensors.TryGetValue(module + ".weight", out var tensor) ? tensor.Shape : [8, 8];
            writer.Add($"base_model.model.{module}.lora_A.weight", "F32", [rank, shape[^1]], new float[rank * shape[^1]]);
            writer.Add($"base_model.model.{module}.lora_B.weight", "F32", [shape[^2], rank], new float[shape[^2] * rank]);
        }

        return writer.ToArray();
    }

    /// <summary>Writes an adapter of every Linear, and adds its products to the model's weights.</summary>
    private static byte[] WriteAndMerge(TinyModel model, JsonObject config)
    {
        var random = new Random(9);
        var writer = new SafetensorsWriter();
        foreach (var module in ModulesOf(model))
        {
            var (shape, weights) = model.Tensors[module + ".weight"];
            var (rows, columns) = ((int)shape[0], (int)shape[1]);
            var rank = (int)(config["rank_pattern"]!.AsObject().FirstOrDefault(key => module.EndsWith(key.Key, StringComparison.Ordinal)).Value ?? config["r"]!);
            var (a, b) = (Values(random, rank * columns), Values(random, rows * rank));
            writer.Add($"base_model.model.{module}.lora_A.weight", "BF16", [rank, columns], a);
            writer.Add($"base_model.model.{module}.lora_B.weight", "BF16", [rows, rank], b);
            var scale = (float)(int)config["lora_alpha"]! / rank;
            for (var i = 0; i < weights.Length; i++)
            {
                var (row, column) = (i / columns, i % columns);
                weights[i] += scale * Enumerable.Range(0, rank).Sum(r => b[(row * rank) + r] * a[(r * columns) + column]);
            }
        }

        return writer.ToArray();
    }

    /// <summary>The same of parameters that hold all experts of a layer, and of the queries.</summary>
    private static byte[] WriteAndMergeParameters(TinyModel model, JsonObject config, bool isGranite, bool isSwapped, bool downFirst)
    {
        const int Experts = 6;
        const int Width = 40;
        var random = new Random(10);
        var writer = new SafetensorsWriter();
        for (var layer = 0; layer < TinyModel.Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            foreach (var isDown in new[] { false, true })
            {
                var (inputs, outputs, rank) = isDown ? (Width, TinyModel.Hidden, 5) : (TinyModel.Hidden, 2 * Width, 3);
                var (columns, rows) = isSwapped ? (outputs, inputs) : (inputs, outputs);
                var (a, b) = (Values(random, Experts * rank * columns), Values(random, rows * Experts * rank));
                var module = isGranite ? $"block_sparse_moe.{(isDown ? "output" : "input")}_linear" : isDown == downFirst ? "mlp.experts.base_layer" : "mlp.experts";
                writer.Add($"base_model.model.{prefix}{module}.lora_A.weight", "BF16", [Experts * rank, columns], a);
                writer.Add($"base_model.model.{prefix}{module}.lora_B.weight", "BF16", [rows, Experts * rank], b);
                var scale = (float)(int)config["lora_alpha"]! / rank;
                for (var at = 0; at < Experts * outputs * inputs; at++)
                {
                    var (expert, output, input) = (at / (outputs * inputs), at / inputs % outputs, at % inputs);
                    var (row, column) = isSwapped ? (input, output) : (output, input);
                    WeightAt(model, prefix, isDown, expert, output, input) += scale
                        * Enumerable.Range(0, rank).Sum(r => b[(row * Experts * rank) + (r * Experts) + expert] * a[(((expert * rank) + r) * columns) + column]);
                }
            }

            writer.Add($"base_model.model.{prefix}self_attn.q_proj.lora_A.weight", "BF16", [3, 64], new float[3 * 64]);
            writer.Add($"base_model.model.{prefix}self_attn.q_proj.lora_B.weight", "BF16", [64, 3], new float[3 * 64]);
        }

        return writer.ToArray();
    }

    /// <summary>A weight of an expert, under whatever name the checkpoint has it.</summary>
    private static ref float WeightAt(TinyModel model, string prefix, bool isDown, int expert, int output, int input)
    {
        foreach (var (gate, up, down) in new[] { ("mlp.experts.{0}.gate_proj", "mlp.experts.{0}.up_proj", "mlp.experts.{0}.down_proj"), ("block_sparse_moe.experts.{0}.w1", "block_sparse_moe.experts.{0}.w3", "block_sparse_moe.experts.{0}.w2") })
        {
            var (name, row) = isDown ? (down, output) : output < 40 ? (gate, output) : (up, output - 40);
            if (model.Tensors.TryGetValue($"{prefix}{string.Format(System.Globalization.CultureInfo.InvariantCulture, name, expert)}.weight", out var tensor))
            {
                return ref tensor.Values[(row * (int)tensor.Shape[1]) + input];
            }
        }

        var all = model.Tensors[$"{prefix}block_sparse_moe.{(isDown ? "output" : "input")}_linear.weight"];
        return ref all.Values[(((expert * (int)all.Shape[1]) + output) * (int)all.Shape[2]) + input];
    }

    /// <summary>Multiples of 2⁻⁸ within ±3/8, which bf16 holds.</summary>
    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-96, 97) / 256f)];
}

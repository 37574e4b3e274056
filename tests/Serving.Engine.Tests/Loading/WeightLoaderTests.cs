using System.Text.Json.Nodes;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

public class WeightLoaderTests
{
    public static TheoryData<string, bool, string, int> Variants => new(
        from architecture in ModelRegistry.Architectures
        from tied in new[] { false, true }
        from storage in new[] { ("BF16", 1), ("F16", 1), ("F32", 3) }
        select (architecture, tied, storage.Item1, storage.Item2));

    [Fact]
    public void Load_BundledModel_FillsEveryWeight()
    {
        var folder = ModelFolder.Open(Repository.DemoModel);
        var program = ModelRegistry.Build("demo", folder.Config, 512);
        using var backend = new RecordingBackend(program);
        LoadProgress last = default;
        WeightLoader.Load(backend, program, folder.Path, new Callback(progress => last = progress));
        Assert.True(backend.IsComplete);
        Assert.Equal(last.TotalBytes, last.DoneBytes);
        Assert.Equal(9_902_592, last.TotalBytes);
        Assert.Equal([1, 3], folder.Config.EosIds.Concat(folder.Generation.EosIds).Distinct().Order());
        Assert.Equal(0, folder.Generation.Temperature);
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Load_EveryFamilyAndStorage_PutsEveryTensorInItsPlace(string architecture, bool tied, string elementType, int shards)
    {
        using var temporary = new TemporaryFolder();
        var model = Make(architecture, tied);
        model.ElementType = elementType;
        model.Write(temporary.Path, shards);
        var program = ModelRegistry.Build("tiny", ModelFolder.Open(temporary.Path).Config, 64);
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, temporary.Path);
        Assert.True(backend.IsComplete);
        foreach (var weight in program.Weights)
        {
            foreach (var part in weight.Parts)
            {
                if (weight.Format == WeightFormat.Float32)
                {
                    Assert.Equal(Floats(model.Tensors[part.TensorName].Values, part), backend.Floats[weight.Index]);
                    continue;
                }

                var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
                var expected = Enumerable.Range(0, part.Length).SelectMany(i => Row(model.Tensors[part.TensorName], part, part.Order is null ? part.FirstRow + (i * part.RowStep) : part.RunAt(i).Source, width)).Select(value => part.IsSoftplus ? (float)Math.Log(1 + Math.Exp(value)) : value * part.Scale).Select(BFloat16Bits.FromSingle);
                Assert.Equal(expected.ToArray(), backend[weight.Name].Slice(part.Offset * width, part.Length * width));
            }
        }
    }

    /// <summary>A vector that is not rounded: a convolution's tap by tap, rates as they are computed with.</summary>
    private static IEnumerable<float> Floats(float[] values, WeightPart part) => values.Select((value, i) =>
        part.Taps > 0 ? values[(i % (values.Length / part.Taps) * part.Taps) + (i / (values.Length / part.Taps))] : part.IsRate ? (float)-Math.Exp(value) : value);

    /// <summary>A row of a tensor; of one that lies input by input, expert after expert, every so many elements.</summary>
    private static IEnumerable<float> Row((long[] Shape, float[] Values) tensor, WeightPart part, int row, int width)
    {
        if (!part.IsTransposed)
        {
            return tensor.Values.Skip(row * width).Take(width);
        }

        var outputs = (int)tensor.Shape[^1];
        return Enumerable.Range(0, width).Select(input => tensor.Values[(((row / outputs * width) + input) * outputs) + (row % outputs)]);
    }

    [Fact]
    public void Load_TiedTableUnderTheHeadsName_IsFound()
    {
        using var temporary = new TemporaryFolder();
        var model = Make("LlamaForCausalLM", tied: true);
        model.Tensors.Remove("model.embed_tokens.weight");
        model.Add("lm_head.weight", TinyModel.Vocabulary, TinyModel.Hidden);
        model.Write(temporary.Path);
        var program = ModelRegistry.Build("tiny", ModelFolder.Open(temporary.Path).Config, 64);
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, temporary.Path);
        Assert.Equal(model.Tensors["lm_head.weight"].Values.Select(BFloat16Bits.FromSingle).ToArray(), backend["embedding"]);
    }

    [Fact]
    public void Load_MissingTensor_IsNamed()
    {
        var error = LoadChanged(model => model.Tensors.Remove("model.layers.1.mlp.up_proj.weight"));
        Assert.Contains("no tensor 'model.layers.1.mlp.up_proj.weight'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SuperfluousTensor_IsNamed()
    {
        var error = LoadChanged(model => model.Add("model.layers.0.self_attn.q_proj.bias", 64));
        Assert.Contains("no place for tensor 'model.layers.0.self_attn.q_proj.bias'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WrongShape_IsNamed()
    {
        var error = LoadChanged(model => model.Add("model.layers.0.self_attn.k_proj.weight", 64, 32));
        Assert.Contains("'model.layers.0.self_attn.k_proj.weight' has shape [64, 32], expected [32, 64]", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("F32", float.NaN)]
    [InlineData("F32", float.NegativeInfinity)]
    [InlineData("F32", float.MaxValue)]
    [InlineData("F16", 1e6f)]
    [InlineData("BF16", float.PositiveInfinity)]
    public void Load_ValueThatIsNotFinite_NamesTheTensor(string elementType, float value)
    {
        var error = LoadChanged(model =>
        {
            model.ElementType = elementType;
            model.Tensors["model.layers.1.mlp.down_proj.weight"].Values[1000] = value;
        });
        Assert.Contains("'model.layers.1.mlp.down_proj.weight' holds a value that is not finite", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_HarmlessExtraTensors_AreIgnored()
    {
        using var temporary = new TemporaryFolder();
        var model = Make("LlamaForCausalLM", tied: true);
        model.Add("lm_head.weight", TinyModel.Vocabulary, TinyModel.Hidden);
        model.Add("model.layers.1.self_attn.rotary_emb.inv_freq", 8);
        model.Write(temporary.Path);
        var program = ModelRegistry.Build("tiny", ModelFolder.Open(temporary.Path).Config, 64);
        using var backend = new RecordingBackend(program);
        WeightLoader.Load(backend, program, temporary.Path);
        Assert.True(backend.IsComplete);
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/model.safetensors")]
    [InlineData(".hidden.safetensors")]
    [InlineData("")]
    public void Load_IndexNamingAnotherFolder_IsRefused(string shard)
    {
        using var temporary = new TemporaryFolder();
        Make("LlamaForCausalLM", tied: true).Write(temporary.Path, 2);
        File.WriteAllText(temporary.PathOf("model.safetensors.index.json"), "{\"weight_map\":{\"a\":\"" + shard + "\"}}");
        var error = Assert.Throws<ModelFormatException>(() => Checkpoint.Open(temporary.Path));
        Assert.Contains("is not a shard's file name", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pytorch_model.bin", "pytorch_model.bin is not read, since it can hold code")]
    [InlineData("pytorch_model.bin.index.json", "pytorch_model.bin.index.json is not read")]
    [InlineData("model-q4_k_m.gguf", "to serve a GGUF file, name the file")]
    [InlineData("notes.txt", "model.safetensors is missing from the model's folder")]
    public void Open_FolderWithOtherWeights_SaysThatTheyAreNotRead(string file, string message)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary.PathOf(file), "");
        Assert.Contains(message, Assert.Throws<ModelFormatException>(() => Checkpoint.Open(temporary.Path)).Message, StringComparison.Ordinal);
    }

    private static ModelFormatException LoadChanged(Action<TinyModel> change)
    {
        using var temporary = new TemporaryFolder();
        var model = Make("LlamaForCausalLM", tied: false);
        change(model);
        model.Write(temporary.Path);
        var program = ModelRegistry.Build("tiny", ModelFolder.Open(temporary.Path).Config, 64);
        using var backend = new RecordingBackend(program);
        return Assert.Throws<ModelFormatException>(() => WeightLoader.Load(backend, program, temporary.Path));
    }

    internal static TinyModel Make(string architecture, bool tied)
    {
        var model = new TinyModel(architecture) { Config = { ["tie_word_embeddings"] = tied } };
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        if (architecture == "Qwen3NextForCausalLM" || architecture.StartsWith("Qwen3_5", StringComparison.Ordinal))
        {
            model.MakeRecurrent();
            if (architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal))
            {
                model.MakePart();
            }

            return model;
        }

        if (architecture.StartsWith("Qwen2", StringComparison.Ordinal))
        {
            model.AddQkvBiases();
        }

        if (architecture == "Phi3ForCausalLM")
        {
            model.FuseProjections();
        }

        if (architecture.StartsWith("Qwen3", StringComparison.Ordinal))
        {
            model.AddHeadNorms();
        }

        if (architecture == "GraniteMoeHybridForCausalLM")
        {
            model.MakeGranite4();
        }
        else if (architecture.Contains("Moe", StringComparison.Ordinal) || architecture.StartsWith("Mixtral", StringComparison.Ordinal))
        {
            model.MakeMixture();
        }

        if (architecture == "OlmoeForCausalLM")
        {
            model.AddNormsOfAllHeads();
            model.MakeMixture();
        }

        if (architecture is "Olmo2ForCausalLM" or "Olmo3ForCausalLM")
        {
            model.MakeOlmo(architecture[4] - '0');
        }

        if (architecture.StartsWith("Glm", StringComparison.Ordinal))
        {
            model.MakeGlm(0.5);
        }

        model.MakeCentred();
        if (architecture == "ApertusForCausalLM")
        {
            model.MakeXIelu();
            model.NameApertus();
        }

        if (architecture == "HunYuanDenseV1ForCausalLM")
        {
            model.AddHeadNorms();
            model.NameHunyuan(1000);
        }

        if (architecture.StartsWith("Exaone", StringComparison.Ordinal))
        {
            model.MakeExaone(hasWindow: true);
        }

        if (architecture.StartsWith("SeedOss", StringComparison.Ordinal))
        {
            model.AddQkvBiases();
        }

        if (architecture == "GptOssForCausalLM")
        {
            model.MakeGptOss();
        }

        if (architecture.StartsWith("Gemma", StringComparison.Ordinal) && char.IsDigit(architecture[5]))
        {
            model.MakeGemma(architecture[5] - '0');
        }

        foreach (var (family, key, value) in new (string, string, JsonNode)[] { ("GemmaForCausalLM", "hidden_act", "gelu"), ("MiniCPMForCausalLM", "dim_model_base", TinyModel.Hidden), ("Mistral3ForConditionalGeneration", "model_type", "ministral3") })
        {
            if (architecture == family)
            {
                model.Config[key] = value;
            }
        }

        if (architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal))
        {
            model.MakePart();
        }

        return model;
    }

    private sealed class Callback(Action<LoadProgress> report) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => report(value);
    }
}

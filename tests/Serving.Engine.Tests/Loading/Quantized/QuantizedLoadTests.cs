using System.Runtime.InteropServices;
using Serving.Compute.Numerics;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Checkpoints of every published scheme, written by encoders of their own, loaded: bit for bit what the codes stand for.</summary>
public class QuantizedLoadTests
{
    public static TheoryData<string> Names => Schemes.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_EveryScheme_IsWhatItsCodesStandFor(string name) => Check(new TinyModel("LlamaForCausalLM"), name);

    /// <summary>Two projections in one tensor, rows in another order than the file's, the first of a tensor not the first of a part.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Load_EverySchemeOfFusedProjections_IsWhatItsCodesStandFor(string name)
    {
        var model = new TinyModel("Phi3ForCausalLM") { Config = { ["partial_rotary_factor"] = 0.75 } };
        model.FuseProjections();
        Check(model, name);
    }

    /// <summary>Experts' matrices one behind the other, of a width (40) that no group of columns and no block of elements divides.</summary>
    [Theory]
    [InlineData("FP8 qwen F32")]
    [InlineData("compressed-tensors FP8 channel BF16")]
    [InlineData("compressed-tensors int8 rows BF16")]
    [InlineData("GPTQ gptq int8 rows")]
    [InlineData("AWQ awq int4 rows asymmetric")]
    [InlineData("bitsandbytes nf4 nested 64")]
    public void Load_MixtureOfExperts_IsWhatItsCodesStandFor(string name)
    {
        var model = new TinyModel("Qwen3MoeForCausalLM");
        model.AddHeadNorms();
        model.MakeMixture();
        Check(model, name);
    }

    /// <summary>The bundled model, logits of a text on the backend that is every test's oracle.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Run_BundledModelInEveryScheme_GivesTheLogitsOfItsPlainWeights(string name)
    {
        using var folder = new QuantizedFolder(DemoWeights.Config, DemoWeights.Tensors, Schemes.Make(name));
        int[] tokens = [0, 17, 300, 5, 1999, 42, 8, 700];
        using var quantized = new ModelRunner(folder.Quantized, 16, exact: false);
        using var plain = new ModelRunner(folder.Plain, 16, exact: false);
        Assert.Equal(plain.Append(tokens), quantized.Append(tokens));
        for (var row = 0; row < tokens.Length; row++)
        {
            Assert.Equal(MemoryMarshal.Cast<float, int>(plain.Logits(row)), MemoryMarshal.Cast<float, int>(quantized.Logits(row)));
        }
    }

    /// <summary>Parts of a matrix that fall between the chunks in which it is read.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Read_RowsFromAnywhere_AreThoseOfTheWhole(string name)
    {
        using var folder = new QuantizedFolder(new TinyModel("LlamaForCausalLM").Config, TensorsOf(new TinyModel("LlamaForCausalLM")), Schemes.Make(name));
        const string Tensor = "model.layers.1.mlp.gate_proj.weight";
        using var checkpoint = Checkpoint.Open(folder.Quantized);
        var source = WeightSchemes.Of(ModelFolder.Open(folder.Quantized))!.Open(
            new ModuleTensors(checkpoint, Tensor[..^".weight".Length], new HashSet<string>()), TinyModel.Intermediate, TinyModel.Hidden)!;
        var whole = Array.ConvertAll(folder.Stands[Tensor], BFloat16Bits.FromSingle);
        var scratch = new LoadScratch();
        foreach (var (first, count) in new[] { (0, 1), (1, 3), (7, 2), (47, 2), (48, 1), (95, 1), (5, 91) })
        {
            var rows = new ushort[count * TinyModel.Hidden];
            source.Read(first, rows, scratch);
            Assert.Equal(whole[(first * TinyModel.Hidden)..((first + count) * TinyModel.Hidden)], rows);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Description_OfEveryScheme_NamesIt(string name)
    {
        var config = System.Text.Encoding.UTF8.GetBytes(new System.Text.Json.Nodes.JsonObject { ["quantization_config"] = Schemes.Make(name).Config }.ToJsonString());
        var scheme = WeightSchemes.Read(config)!;
        Assert.InRange(scheme.Bits, 4, 8);
        Assert.StartsWith(name.Split(' ')[0], scheme.Description, StringComparison.Ordinal);
    }

    private static void Check(TinyModel model, string name)
    {
        using var folder = new QuantizedFolder(model.Config, TensorsOf(model), Schemes.Make(name));
        var opened = ModelFolder.Open(folder.Quantized);
        var program = ModelRegistry.Build("tiny", opened.Config, 64);
        using var quantized = new RecordingBackend(program);
        using var plain = new RecordingBackend(program);
        using (var checkpoint = Checkpoint.Open(folder.Quantized))
        {
            WeightLoader.Load(quantized, program, checkpoint, WeightSchemes.Of(opened));
        }

        WeightLoader.Load(plain, program, folder.Plain);
        Assert.True(quantized.IsComplete);
        Assert.Equal(plain.Values, quantized.Values);
    }

    private static IEnumerable<(string Name, long[] Shape, float[] Values)> TensorsOf(TinyModel model) => model.Tensors.Select(tensor => (tensor.Key, tensor.Value.Shape, tensor.Value.Values));
}

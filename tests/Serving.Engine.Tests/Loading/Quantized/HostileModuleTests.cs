using System.Text;
using System.Text.Json.Nodes;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Modules whose tensors are wrong in one way each: refused, naming the tensor.</summary>
public class HostileModuleTests
{
    private const int Rows = 16;
    private const int Columns = 64;

    public static TheoryData<string, string, string> Missing => new()
    {
        { "FP8 qwen F32", "weight_scale_inv", "no tensor 'm.weight_scale_inv'" },
        { "FP8 autofp8 F32", "weight_scale", "no tensor 'm.weight_scale'" },
        { "compressed-tensors int4 groups of 32 BF16", "weight_shape", "no tensor 'm.weight_shape'" },
        { "compressed-tensors int4 groups of 32 F16 asymmetric", "weight_zero_point", "no tensor 'm.weight_zero_point'" },
        { "GPTQ gptq int4 groups of 32", "qzeros", "no tensor 'm.qzeros'" },
        { "AWQ awq int4 groups of 32 asymmetric", "scales", "no tensor 'm.scales'" },
        { "bitsandbytes nf4 nested 64", "weight.nested_absmax", "no tensor 'm.weight.nested_absmax'" },
        { "bitsandbytes nf4 plain 64", "weight.quant_map", "no tensor 'm.weight.quant_map'" },
        { "MXFP4 blocks of 32", "weight_scales", "no tensor 'm.weight_scales'" },
    };

    [Theory]
    [MemberData(nameof(Missing))]
    public void Open_WithoutOneOfItsTensors_IsRefused(string name, string suffix, string message) => Refused(name, message, tensors => tensors.Remove("m." + suffix));

    [Theory]
    [InlineData("compressed-tensors int4 groups of 32 BF16", "weight_packed", "which no group of the config has")]
    [InlineData("FP8 qwen F32", "weight_scale_inv", "has shape")]
    [InlineData("compressed-tensors FP8 channel F32", "weight_scale", "has shape")]
    [InlineData("GPTQ gptq int4 groups of 32", "qweight", "has shape")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "qzeros", "has shape")]
    [InlineData("bitsandbytes nf4 plain 64", "weight.absmax", "has shape")]
    [InlineData("bitsandbytes nf4 plain 64", "weight", "has not the bytes")]
    [InlineData("bitsandbytes int8 plain 64", "SCB", "has shape")]
    [InlineData("MXFP4 blocks of 32", "weight_blocks", "has shape")]
    [InlineData("MXFP4 blocks of 32", "weight_scales", "has shape")]
    public void Open_TensorOfAnotherShape_IsRefused(string name, string suffix, string message) => Refused(name, message, tensors =>
    {
        var (type, shape, bytes) = tensors["m." + suffix];
        var row = bytes.Length / (int)shape[0];
        tensors["m." + suffix] = (type, [shape[0] + 1, .. shape[1..]], [.. bytes, .. bytes[..row]]);
    });

    [Theory]
    [InlineData("FP8 qwen F32", "weight_scale_inv")]
    [InlineData("compressed-tensors int8 rows F32 asymmetric plain", "weight_scale")]
    [InlineData("bitsandbytes nf4 plain 64", "weight.absmax")]
    [InlineData("bitsandbytes int8 plain 64", "SCB")]
    public void Read_ScaleThatIsNotFinite_IsRefused(string name, string suffix) =>
        Refused(name, "not finite", tensors => BitConverter.TryWriteBytes(tensors["m." + suffix].Bytes, float.PositiveInfinity));

    /// <summary>255 stands for no number.</summary>
    [Fact]
    public void Read_PowerThatIsNoNumber_IsRefused() => Refused("MXFP4 blocks of 32", "not finite", tensors => tensors["m.weight_scales"].Bytes[3] = 255);

    [Fact]
    public void Read_Float8ThatIsNoNumber_IsRefused() => Refused("FP8 qwen F32", "not finite", tensors => tensors["m.weight"].Bytes[100] = 0x7F);

    [Theory]
    [InlineData("GPTQ gptq int4 groups of 32 asymmetric ordered", "g_idx", 2)]
    [InlineData("GPTQ gptq int4 groups of 32 asymmetric ordered", "g_idx", -2)]
    [InlineData("compressed-tensors int4 groups of 16 BF16 ordered", "weight_g_idx", 4)]
    public void Open_GroupThatThereIsNot_IsRefused(string name, string suffix, int group) =>
        Refused(name, "names a group that there is not", tensors => BitConverter.TryWriteBytes(tensors["m." + suffix].Bytes.AsSpan(12), group));

    [Theory]
    [InlineData("\"nf4\"", "\"fp4\"", "not about a matrix")]
    [InlineData("[16,64]", "[64,16]", "not about a matrix")]
    [InlineData("\"blocksize\":64", "\"blocksize\":0 ", "blocksize")]
    [InlineData("\"nested_offset\":0.05", "\"nested_offset\":1e99", "nested_offset")]
    [InlineData("bfloat16", "float8_e4", "dtype")]
    [InlineData("{", "[", "not")]
    public void Open_StateOfAnotherMatrix_IsRefused(string from, string becomes, string message) => Refused("bitsandbytes nf4 nested 64", message, tensors =>
    {
        const string State = "m.weight.quant_state.bitsandbytes__nf4";
        var text = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(tensors[State].Bytes).Replace(from, becomes, StringComparison.Ordinal));
        tensors[State] = ("U8", [text.Length], text);
    });

    /// <summary>Weights that are not row by row, as the library once kept them for its kernels.</summary>
    [Fact]
    public void Open_EightBitsThatAreNotRowMajor_IsRefused() => Refused("bitsandbytes int8 plain 64", "weight_format", tensors => tensors["m.weight_format"].Bytes[0] = 1);

    /// <summary>A bias that the model has no place for is left out if it is all zeros, which older writers of GPTQ add to every module, and is refused otherwise.</summary>
    [Fact]
    public void Load_BiasThatTheModelHasNotAndIsNotZero_IsRefused()
    {
        var model = new TinyModel("LlamaForCausalLM");
        model.Add("model.layers.0.mlp.up_proj.bias", TinyModel.Intermediate);
        using var folder = new QuantizedFolder(model.Config, model.Tensors.Select(tensor => (tensor.Key, tensor.Value.Shape, tensor.Value.Values)), Schemes.Make("AWQ awq int4 groups of 32 asymmetric"));
        var opened = ModelFolder.Open(folder.Quantized);
        var program = ModelRegistry.Build("tiny", opened.Config, 64);
        using var checkpoint = Checkpoint.Open(folder.Quantized);
        var gptq = WeightSchemes.Read("""{"quantization_config":{"quant_method":"gptq","bits":4}}"""u8.ToArray())!;
        Assert.Contains("no place for tensor 'model.layers.0.mlp.up_proj.bias'", Refusal(WeightSchemes.Of(opened)), StringComparison.Ordinal);
        Assert.True(gptq.AddsBiases);

        string Refusal(WeightScheme? scheme)
        {
            using var backend = new RecordingBackend(program);
            return Assert.Throws<ModelFormatException>(() => WeightLoader.Load(backend, program, checkpoint, scheme)).Message;
        }
    }

    private static void Refused(string name, string message, Action<Dictionary<string, (string Type, long[] Shape, byte[] Bytes)>> change)
    {
        var encoder = Schemes.Make(name);
        var random = new Random(2);
        encoder.Encode("m", [.. Enumerable.Range(0, Rows * Columns).Select(_ => (random.NextSingle() * 2) - 1)], Rows, Columns);
        var tensors = encoder.Tensors.ToDictionary(tensor => tensor.Name, tensor => (tensor.Type, tensor.Shape, tensor.Bytes));
        change(tensors);
        var writer = new SafetensorsWriter();
        foreach (var (tensor, (type, shape, bytes)) in tensors)
        {
            writer.AddBytes(tensor, type, shape, bytes);
        }

        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("model.safetensors"), writer.ToArray());
        var scheme = WeightSchemes.Read(Encoding.UTF8.GetBytes(new JsonObject { ["quantization_config"] = encoder.Config }.ToJsonString()))!;
        using var checkpoint = Checkpoint.Open(folder.Path);
        var error = Assert.ThrowsAny<MalformedFileException>(
            () => scheme.Open(new ModuleTensors(checkpoint, "m", new HashSet<string>()), Rows, Columns)!.Read(0, new ushort[Rows * Columns], new LoadScratch()));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}

using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Words worked out by hand, read by the schemes: no encoder in between.</summary>
public class PackingTests
{
    /// <summary>
    /// One input, eight outputs. The word 0x76543210 has code p at place p; place p is output 0, 2, 4, 6, 1, 3, 5, 7 in turn, so that the outputs' codes are 0, 4, 1, 5, 2, 6, 3, 7. Zero
    /// points 1 for all, scales 1. Eight inputs of it make the matrix.
    /// </summary>
    [Fact]
    public void Awq_PlacesOfAWord_AreOutputs0246And1357()
    {
        var writer = new SafetensorsWriter()
            .AddBytes("m.qweight", "I32", [8, 1], Words(Enumerable.Repeat(0x76543210u, 8)))
            .AddBytes("m.qzeros", "I32", [1, 1], Words([0x11111111u]))
            .Add("m.scales", "F16", [1, 8], [1, 1, 1, 1, 1, 1, 1, 1]);
        var rows = Read(writer, """{"quant_method":"awq","bits":4,"group_size":8,"version":"gemm","zero_point":true}""", 8, 8);
        Assert.Equal([-1, 3, 0, 4, 1, 5, 2, 6], rows.Chunk(8).Select(row => row.Distinct().Single()));
    }

    /// <summary>Eight inputs, eight outputs. Output o's word is 0x76543210: input i has code i. Zero points are kept as 7 and mean 8 in the first version, 7 in the second.</summary>
    [Theory]
    [InlineData("gptq", -8)]
    [InlineData("gptq_v2", -7)]
    public void Gptq_ZeroPoints_AreOneMoreInTheFirstVersion(string format, int first)
    {
        var writer = new SafetensorsWriter()
            .AddBytes("m.qweight", "I32", [1, 8], Words(Enumerable.Repeat(0x76543210u, 8)))
            .AddBytes("m.qzeros", "I32", [1, 1], Words([0x77777777u]))
            .Add("m.scales", "F16", [1, 8], [1, 1, 1, 1, 1, 1, 1, 0.5f]);
        var rows = Read(writer, $$"""{"quant_method":"gptq","bits":4,"group_size":-1,"checkpoint_format":"{{format}}"}""", 8, 8);
        Assert.Equal(Enumerable.Range(first, 8).Select(value => (float)value), rows.AsSpan(0, 8).ToArray());
        Assert.Equal(Enumerable.Range(first, 8).Select(value => value / 2f), rows.AsSpan(56, 8).ToArray());
    }

    /// <summary>g_idx deals inputs to groups: even ones to group 1 (scale 2), odd ones to group 0 (scale 1).</summary>
    [Fact]
    public void Gptq_GroupsOutOfOrder_FollowTheirIndex()
    {
        var writer = new SafetensorsWriter()
            .AddBytes("m.qweight", "I32", [1, 8], Words(Enumerable.Repeat(0x99999999u, 8)))
            .AddBytes("m.qzeros", "I32", [2, 1], Words([0x77777777u, 0x77777777u]))
            .Add("m.scales", "F16", [2, 8], [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2])
            .AddBytes("m.g_idx", "I32", [8], Words([1, 0, 1, 0, 1, 0, 1, 0]));
        var rows = Read(writer, """{"quant_method":"gptq","bits":4,"group_size":4,"desc_act":true}""", 8, 8);
        Assert.Equal([2, 1, 2, 1, 2, 1, 2, 1], rows.AsSpan(0, 8).ToArray());
    }

    /// <summary>What <c>dynamic</c> says of a module (here eight bits in groups of four) is told by its tensors: input i has code 16 i, zero points are 128.</summary>
    [Fact]
    public void Gptq_ModuleWithBitsOfItsOwn_IsReadByItsShape()
    {
        var writer = new SafetensorsWriter()
            .AddBytes("m.qweight", "I32", [2, 4], Words([.. Enumerable.Repeat(0x30201000u, 4), .. Enumerable.Repeat(0x70605040u, 4)]))
            .AddBytes("m.qzeros", "I32", [2, 1], Words([0x7F7F7F7Fu, 0x7F7F7F7Fu]))
            .Add("m.scales", "F16", [2, 4], [1, 1, 1, 1, 2, 2, 2, 2]);
        var rows = Read(writer, """{"quant_method":"gptq","bits":4,"group_size":8,"dynamic":{"+:m":{"bits":8,"group_size":4}}}""", 4, 8);
        Assert.Equal([-128, -112, -96, -80, -128, -96, -64, -32], rows.AsSpan(24, 8).ToArray());
    }

    /// <summary>The upper half of a byte is the first element, and all sixteen values of the table are reached.</summary>
    [Theory]
    [InlineData("nf4")]
    [InlineData("fp4")]
    public void BitsAndBytes_All16Codes_AreTheTables(string kind)
    {
        var table = kind == "nf4" ? BitsAndBytesEncoder.NormalFloat : BitsAndBytesEncoder.Float4;
        var state = System.Text.Encoding.UTF8.GetBytes($$"""{"quant_type":"{{kind}}","blocksize":8,"dtype":"float16","shape":[2,8]}""");
        var writer = new SafetensorsWriter()
            .AddBytes("m.weight", "U8", [8, 1], [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF])
            .Add("m.weight.absmax", "F32", [2], [1, 2])
            .Add("m.weight.quant_map", "F32", [16], table)
            .AddBytes($"m.weight.quant_state.bitsandbytes__{kind}", "U8", [state.Length], state);
        var rows = Read(writer, $$"""{"quant_method":"bitsandbytes","load_in_4bit":true,"bnb_4bit_quant_type":"{{kind}}"}""", 2, 8);
        Assert.Equal(table.Select((value, i) => Compute.Numerics.BFloat16Bits.Round(i < 8 ? value : 2 * value)), rows);
    }

    /// <summary>Two rows of zero points in a word, columns beyond the last whole word: 4 bits, three rows of nine columns.</summary>
    [Fact]
    public void CompressedTensors_WordsThatAreNotFull_AreCutOff()
    {
        var writer = new SafetensorsWriter()
            .AddBytes("m.weight_packed", "I32", [3, 2], Words([0x76543210u, 0xFu, 0x88888888u, 0x8u, 0xFFFFFFFFu, 0x0u]))
            .AddBytes("m.weight_shape", "I64", [2], Words([3, 0, 9, 0]))
            .AddBytes("m.weight_zero_point", "I32", [1, 1], Words([0x0A9]))
            .Add("m.weight_scale", "F16", [3, 1], [1, 2, 0.5f]);
        const string Config = """{"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"g":{"weights":{"num_bits":4,"type":"int","symmetric":false,"strategy":"channel"}}}}""";
        var rows = Read(writer, Config, 3, 9);
        Assert.Equal([-9, -8, -7, -6, -5, -4, -3, -2, 6], rows.AsSpan(0, 9).ToArray());
        Assert.Equal([-4, -4, -4, -4, -4, -4, -4, -4, -4], rows.AsSpan(9, 9).ToArray());
        Assert.Equal([7.5f, 7.5f, 7.5f, 7.5f, 7.5f, 7.5f, 7.5f, 7.5f, 0], rows.AsSpan(18, 9).ToArray());
    }

    private static float[] Read(SafetensorsWriter writer, string config, int rows, int columns)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("model.safetensors"), writer.ToArray());
        using var checkpoint = Checkpoint.Open(folder.Path);
        var scheme = WeightSchemes.Read(System.Text.Encoding.UTF8.GetBytes($$"""{"quantization_config":{{config}}}"""))!;
        var values = new ushort[rows * columns];
        scheme.Open(new ModuleTensors(checkpoint, "m", new HashSet<string>()), rows, columns)!.Read(0, values, new LoadScratch());
        return Array.ConvertAll(values, Compute.Numerics.BFloat16Bits.ToSingle);
    }

    private static byte[] Words(IEnumerable<uint> words) => [.. words.SelectMany(BitConverter.GetBytes)];
}

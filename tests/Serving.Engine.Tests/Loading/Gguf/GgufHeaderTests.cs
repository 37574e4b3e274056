using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

public class GgufHeaderTests
{
    private static readonly byte[] Element = new byte[4];

    [Fact]
    public void Read_WellFormed_GivesMetadataAndTensors()
    {
        var file = new GgufWriter().Put("a", 7).Put("b", "text").Put("c", new[] { "x", "" }).Put("d", 0.5f).Put("e", true).Put("f", new[] { 3, 3 })
            .Add("one", 0, [1], Element).Add("two", 8, [32, 3], new byte[3 * 34]).Add("three", 40, [256], new byte[144]);
        var header = Read(file.ToArray());
        Assert.Equal((7, "text", 0.5, true), (header.Metadata.Integer("a"), header.Metadata.Text("b"), header.Metadata.Number("d"), header.Metadata.Flag("e")));
        Assert.Equal(["x", ""], header.Metadata.Texts("c")!);
        Assert.Equal(3, header.Metadata.SameInteger("f"));
        Assert.Equal((34L, 3L), (header.Tensors["two"].RowBytes, header.Tensors["two"].Rows));
        Assert.Equal(header.DataOffset + 32, header.Tensors["two"].Offset);
        Assert.False(header.Tensors["three"].Type.IsReadable);
        Assert.Throws<MalformedFileException>(() => header.Metadata.Integer("b"));
        Assert.Throws<MalformedFileException>(() => header.Metadata.Flag("a"));
    }

    [Fact]
    public void Read_TensorsThatAreNotInTheFile_AreRefused()
    {
        Assert.Contains("ends behind the file", Refusal(new GgufWriter().Add("a", 0, [1000], Element)), StringComparison.Ordinal);
        Assert.Contains("ends behind the file", Refusal(new GgufWriter().Add("a", 0, [1L << 31, 1L << 31, 1L << 31, 1L << 31], Element)), StringComparison.Ordinal);
        Assert.Contains("63 bits", Refusal(new GgufWriter().Add("a", 0, [-1], Element)), StringComparison.Ordinal);
        Assert.Contains("has a dimension", Refusal(new GgufWriter().Add("a", 0, [0], Element)), StringComparison.Ordinal);
        Assert.Contains("dimensions", Refusal(new GgufWriter().Add("a", 0, [1, 1, 1, 1, 1], Element)), StringComparison.Ordinal);
        Assert.Contains("whole blocks of Q4_K", Refusal(new GgufWriter().Add("a", 12, [128], new byte[144])), StringComparison.Ordinal);
        Assert.Contains("element type 77", Refusal(new GgufWriter().Add("a", 77, [1], Element)), StringComparison.Ordinal);
        Assert.Contains("appears twice", Refusal(new GgufWriter().Add("a", 0, [1], Element).Add("a", 0, [1], Element)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MalformedBeginnings_AreRefused()
    {
        var file = new GgufWriter().Put("general.alignment", 32).Put("key", "text").ToArray();
        Assert.Contains("does not begin", Refusal([.. "GGML"u8, .. file.AsSpan(4)]), StringComparison.Ordinal);
        Assert.Contains("version 1 ", Refusal([.. file.AsSpan(0, 4), 1, 0, 0, 0, .. file.AsSpan(8)]), StringComparison.Ordinal);
        Assert.Contains("big-endian", Refusal([.. file.AsSpan(0, 4), 0, 0, 0, 3, .. file.AsSpan(8)]), StringComparison.Ordinal);
        Assert.Contains("tensors", Refusal([.. file.AsSpan(0, 8), 255, 255, 255, 255, 255, 255, 255, 127, .. file.AsSpan(16)]), StringComparison.Ordinal);
        Assert.Contains("63 bits", Refusal([.. file.AsSpan(0, 16), 255, 255, 255, 255, 255, 255, 255, 255, .. file.AsSpan(24)]), StringComparison.Ordinal);
        Assert.Contains("the file ends", Refusal(file[..6]), StringComparison.Ordinal);
        Assert.Contains("appears twice", Refusal(new GgufWriter().Put("a", 1).Put("a", 1)), StringComparison.Ordinal);
        Assert.Contains("general.alignment", Refusal(new GgufWriter().Put("general.alignment", 48)), StringComparison.Ordinal);
        Assert.Contains("general.alignment", Refusal(new GgufWriter().Put("general.alignment", 0)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CutAnywhere_IsRefused()
    {
        var file = GgufConverter.Convert(new TinyModel("LlamaForCausalLM"), GgmlEncoder.F32).ToArray();
        for (var length = 0; length < (int)Read(file).DataOffset; length += 7)
        {
            Refusal(file[..length]);
        }
    }

    [Fact]
    public void File_Mutated20000Times_IsReadOrRefused()
    {
        var file = GgufConverter.Convert(new TinyModel("LlamaForCausalLM"), GgmlEncoder.Q8).Put("tokenizer.ggml.scores", new float[TinyModel.Vocabulary]).ToArray();
        HostileFiles.Run<MalformedFileException>(20_000, file, (int)Read(file).DataOffset, bytes => GgufModel.Read(Read(bytes)));
    }

    [Fact]
    public void RecurrentFile_Mutated20000Times_IsReadOrRefused()
    {
        var file = GgufConverter.Convert(Models.RecurrentFamilyTests.Make("Qwen3_5ForCausalLM"), GgmlEncoder.F32).Put("qwen35.nextn_predict_layers", 0).ToArray();
        HostileFiles.Run<MalformedFileException>(20_000, file, (int)Read(file).DataOffset, bytes => GgufModel.Read(Read(bytes)));
    }

    private static GgufHeader Read(byte[] file)
    {
        using var stream = new MemoryStream(file);
        return GgufHeader.Read(stream, file.Length);
    }

    private static string Refusal(GgufWriter file) => Refusal(file.ToArray());

    private static string Refusal(byte[] file) => Assert.Throws<MalformedFileException>(() => Read(file)).Message;
}

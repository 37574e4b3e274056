using System.Security.Cryptography;
using System.Text;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Adapters;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Testing.Adapters;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

public sealed class FileBytesTests
{
    private static readonly AdapterDimensions Tiny = new(TinyModel.Layers, TinyModel.Hidden, TinyModel.Intermediate, 64, 32);

    /// <summary>Whatever a piece holds, bytes and digest are the file's.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(100)]
    [InlineData(101)]
    public void Slice_OverPieces_IsTheFiles(int pieceBytes)
    {
        var bytes = RandomNumberGenerator.GetBytes(100);
        var file = Cut(bytes, pieceBytes);
        Assert.Equal((100L, (100 + pieceBytes - 1) / pieceBytes), (file.Length, file.PieceCount));
        for (var first = 0; first <= bytes.Length; first++)
        {
            for (var length = 0; length <= bytes.Length - first; length++)
            {
                Assert.True(bytes.AsSpan(first, length).SequenceEqual(file.Slice(first, length)));
            }
        }

        var digest = new byte[32];
        file.Hash(digest);
        Assert.Equal(SHA256.HashData(bytes), digest);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(1, 100).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(-1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Slice(101, 0).Length);
    }

    /// <summary>An adapter whose file is in pieces, elements cut by their borders, is the same adapter.</summary>
    [Fact]
    public void Read_AdapterInPieces_IsTheSame()
    {
        var program = ModelRegistry.Build("tiny", ModelConfig.Parse(Encoding.UTF8.GetBytes(new TinyModel("LlamaForCausalLM").Config.ToJsonString())), 32);
        var config = Encoding.UTF8.GetBytes(AdapterGenerator.Config(4, AdapterGenerator.All).ToJsonString());
        var weights = AdapterGenerator.Weights(Tiny, 3, 4, AdapterGenerator.All, elementType: "F32");
        var whole = PeftAdapterReader.Read(config, weights, program);
        var cut = PeftAdapterReader.Read(config, Cut(weights, 4093), program, adaptsExperts: true, adaptsMagnitudes: true);
        Assert.Equal(whole.Digest, cut.Digest);
        Assert.Equal(7 * TinyModel.Layers, cut.Weights.Slices.Count);
        foreach (var (a, b) in whole.Weights.Slices.Zip(cut.Weights.Slices))
        {
            Assert.Equal(a.A.ToArray(), b.A.ToArray());
            Assert.Equal(a.B.ToArray(), b.B.ToArray());
        }
    }

    /// <summary>The rank-16 adapter of every expert of Qwen3-30B-A3B in fp32, 3.3 GB, is not too large for the reader; what one array of matrices could not hold is, and a file that the pool could not hold.</summary>
    [Fact]
    public void MaxWeightBytes_OfALargeMixture_IsMoreThanAnArray()
    {
        var slices = Enumerable.Range(0, 48).SelectMany(layer => new[] { (2048, 768), (2048, 768), (768, 2048) }.Select((width, i) =>
            new LoraSlice((layer * 3) + i, layer, Projection.Gate + i, width.Item1, 0, width.Item2) { Experts = 128 })).ToList();
        var program = new ModelProgram("large", new ModelShape(2048, 768, 48, 32, 4, 128, 1000), RopeTable.Create(1, [1]), [], [], slices, []);
        Assert.InRange(PeftAdapterReader.MaxWeightBytes(program), 128L * 48 * 3 * (2048 + 768) * 16 * sizeof(float), 10L << 30);
        Assert.Equal([Array.MaxLength, 6L << 30, PeftAdapterReader.MaxWeightBytes(program)], new[] { 1L << 20, 3L << 30, 1L << 40 }.Select(pool => AdapterLoader.MaxWeightBytes(new AdapterStoreOptions
        {
            Root = null,
            BaseName = "large",
            Architecture = "Qwen3MoeForCausalLM",
            Program = program,
            PreparedBytes = _ => 0,
            Prepare = (_, _) => null,
            PoolBytes = pool,
        })));
    }

    private static FileBytes Cut(byte[] bytes, int pieceBytes)
    {
        var file = new FileBytes(bytes.Length, pieceBytes);
        for (var (i, first) = (0, 0); i < file.PieceCount; first += file.Piece(i++).Length)
        {
            bytes.AsSpan(first, file.Piece(i).Length).CopyTo(file.Piece(i));
        }

        return file;
    }
}

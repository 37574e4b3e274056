using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>Models in several GGUF files.</summary>
public sealed class GgufSplitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Open_Parts_GivesTheWeightsOfTheWhole(int parts)
    {
        var whole = Model();
        File.WriteAllBytes(_folder.PathOf("whole.gguf"), whole.ToArray());
        var first = Write(whole.Split(parts));
        Assert.Equal(Load(_folder.PathOf("whole.gguf")), Load(first));
        Assert.Equivalent(GgufModel.Open(_folder.PathOf("whole.gguf")).Config, GgufModel.Open(first).Config, strict: true);
    }

    [Fact]
    public void Revision_OfParts_IsOfAllOfThem()
    {
        var parts = Model().Split(2);
        var first = Write(parts);
        var before = Revision(first);
        Assert.Equal(before, Revision(first));
        Write([parts[0], parts[1].Put("other", 1)]);
        Assert.NotEqual(before, Revision(first));

        static Core.Memory.Digest Revision(string path)
        {
            using var files = GgufWeights.Open(path);
            return files.RevisionOf(WeightFormat.BFloat16);
        }
    }

    [Fact]
    public void Open_PartsThatDoNotBelongTogether_AreRefused()
    {
        Refused(parts => parts[1] = null, "part-00001-of-00003.gguf: there is no file 'part-00002-of-00003.gguf'");
        Refused(parts => parts[1] = parts[2], "the file of part 2 of 3 says that it is another");
        Refused(parts => parts[2]!.Remove("split.count").Put("split.count", 4), "the file of part 3 of 3 says that it is another");
        Refused(parts => parts[2]!.Remove("split.no"), "the file of part 3 of 3 says that it is another");
        Refused(parts => parts[2]!.Add("output.weight", 0, [1], new byte[4]), "is in two parts");
        Refused(parts => parts[0]!.Remove("split.tensors.count").Put("split.tensors.count", 99), "tensors together, and the first one says 99");
        Refused(parts => parts[0]!.Remove("split.count").Put("split.count", 2), "its name does not end in -00001-of-00002.gguf");
        Refused(parts => parts[0]!.Remove("split.count").Put("split.count", 0), "split.count is not from 1 to 1024");
        Refused(parts => parts[0]!.Remove("split.count").Put("split.count", 2000), "split.count is not from 1 to 1024");
        Refused(parts => parts[0]!.Remove("split.no"), "split.no is missing");
        Refused(parts => (parts[0], parts[1]) = (parts[1], parts[0]), "is part 2 of 3 parts of a model; name the first, 'part-00001-of-00003.gguf'");
        Refused(parts => parts[2] = new GgufWriter().Put("general.alignment", 5), "'part-00003-of-00003.gguf': general.alignment");
    }

    [Fact]
    public void Open_PartCutShort_IsRefusedWhereItIsRead()
    {
        var first = Write(Model().Split(3));
        using var file = GgufFile.Open(first);
        var end = file.Parts.Sum(part => part.FileBytes);
        Assert.Throws<MalformedFileException>(() => file.Read(end - 1, new byte[2]));
        Assert.Throws<MalformedFileException>(() => file.Read(end, new byte[1]));
        File.WriteAllBytes(_folder.PathOf("part-00003-of-00003.gguf"), File.ReadAllBytes(_folder.PathOf("part-00003-of-00003.gguf"))[..^64]);
        Assert.Contains("ends behind the file", Assert.Throws<ModelFormatException>(() => GgufModel.Open(first)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Part_Mutated5000Times_IsReadOrRefused()
    {
        byte[][] parts = [.. Model().Split(2).Select(part => part.ToArray())];
        var first = Read(parts[0]);
        HostileFiles.Run<MalformedFileException>(5_000, parts[1], (int)Read(parts[1]).DataOffset, bytes => GgufModel.Read(GgufSplit.Join([(first, parts[0].Length), (Read(bytes), bytes.Length)])));
        var second = Read(parts[1]);
        HostileFiles.Run<MalformedFileException>(5_000, parts[0], (int)first.DataOffset, bytes =>
        {
            var header = Read(bytes);
            GgufSplit.OthersOf("part-00001-of-00002.gguf", header.Metadata);
            GgufModel.Read(GgufSplit.Join([(header, bytes.Length), (second, parts[1].Length)]));
        });
    }

    private static GgufHeader Read(byte[] file) => GgufHeader.Read(new MemoryStream(file), file.Length);

    private static GgufWriter Model() => GgufConverter.Convert(new TinyModel("LlamaForCausalLM") { ElementType = "F32" }, GgmlEncoder.Q8);

    private static object Load(string path)
    {
        var program = ModelRegistry.Build("tiny", GgufModel.Open(path).Config, 64);
        using var backend = new RecordingBackend(program);
        using var files = GgufWeights.Open(path);
        WeightLoader.Load(backend, program, files);
        Assert.True(backend.IsComplete);
        return backend.Values;
    }

    private string Write(IReadOnlyList<GgufWriter?> parts)
    {
        for (var i = 0; i < parts.Count; i++)
        {
            var path = _folder.PathOf($"part-{i + 1:00000}-of-{parts.Count:00000}.gguf");
            File.Delete(path);
            if (parts[i] is { } part)
            {
                File.WriteAllBytes(path, part.ToArray());
            }
        }

        return _folder.PathOf($"part-00001-of-{parts.Count:00000}.gguf");
    }

    private void Refused(Action<GgufWriter?[]> change, string message)
    {
        GgufWriter?[] parts = [.. Model().Split(3)];
        change(parts);
        var path = Write(parts);
        Assert.Contains(message, Assert.Throws<ModelFormatException>(() => GgufModel.Open(path)).Message, StringComparison.Ordinal);
    }
}

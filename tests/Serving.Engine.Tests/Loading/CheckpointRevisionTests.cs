using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Loading;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

public class CheckpointRevisionTests
{
    [Fact]
    public void Of_SameFiles_IsTheSameAndAnyChangeIsAnother()
    {
        using var folder = new TemporaryFolder();
        var model = new TinyModel("LlamaForCausalLM");
        model.Write(folder.Path);
        var path = folder.PathOf("model.safetensors");
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(1));
        var first = Of(folder.Path);
        Assert.Equal(first, Of(folder.Path));
        Assert.NotEqual(first, Of(folder.Path, WeightFormat.Int8));

        model.Tensors["model.norm.weight"].Values[0] += 1;
        model.Write(folder.Path);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(2));
        var otherWeights = Of(folder.Path);
        model.Config["rope_theta"] = 20000.0;
        model.Write(folder.Path);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(2));
        var otherConfig = Of(folder.Path);
        Assert.Equal(3, new HashSet<Digest> { first, otherWeights, otherConfig }.Count);
    }

    /// <summary>Keys and values in one format are never taken for those in another.</summary>
    [Fact]
    public void With_OtherKeysAndValues_IsAnother()
    {
        var model = Digest.Of("model"u8);
        Assert.Equal(CheckpointRevision.With(model, KeyValueFormat.Int8), CheckpointRevision.With(model, KeyValueFormat.Int8));
        Assert.NotEqual(CheckpointRevision.With(model, KeyValueFormat.Int8), CheckpointRevision.With(model, KeyValueFormat.BFloat16));
        Assert.NotEqual(CheckpointRevision.With(model, KeyValueFormat.Int8), CheckpointRevision.With(Digest.Of("other"u8), KeyValueFormat.Int8));
    }

    private static Digest Of(string path, WeightFormat format = WeightFormat.BFloat16)
    {
        using var checkpoint = Checkpoint.Open(path);
        return CheckpointRevision.Of(ModelFolder.Open(path), checkpoint, format);
    }
}

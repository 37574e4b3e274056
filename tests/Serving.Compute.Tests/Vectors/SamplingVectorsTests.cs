using Serving.Compute.Numerics;

namespace Serving.Compute.Tests.Vectors;

public sealed class SamplingVectorsTests
{
    /// <summary>The file holds what the double-precision sampler gives. To write it anew after a change of the cases, run with SERVING_WRITE_VECTORS=1.</summary>
    [Fact]
    public void File_AgainstGenerator_IsEqual()
    {
        var generated = SamplingVectorsGenerator.Generate().ToText();
        if (Environment.GetEnvironmentVariable("SERVING_WRITE_VECTORS") == "1")
        {
            File.WriteAllText(SamplingVectors.FilePath, generated);
        }

        Assert.Equal(generated, File.ReadAllText(SamplingVectors.FilePath));
    }

    [Fact]
    public void File_Margins_AreWide() =>
        Assert.All(SamplingVectors.Read().Cases, test => Assert.True(test.Margin >= SamplingVectorsGenerator.Margin, $"{test.Logits}, {test.Name}: {test.Margin}"));

    [Fact]
    public void Philox_KnownAnswers_AreEqual()
    {
        foreach (var vector in SamplingVectors.Read().Philox)
        {
            var counter = vector.Counter;
            var (w0, w1, w2, w3) = Philox4x32.Generate(counter[0], counter[1], counter[2], counter[3], vector.Key[0] | ((ulong)vector.Key[1] << 32));
            Assert.Equal(vector.Words, [w0, w1, w2, w3]);
        }
    }
}

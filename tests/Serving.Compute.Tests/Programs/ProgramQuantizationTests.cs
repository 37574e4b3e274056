using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Programs;

public sealed class ProgramQuantizationTests
{
    /// <summary>Of a layer that remembers, vectors stay floats, and what its rates are made of stays bf16.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    public void Apply_ARecurrence_LeavesItsVectorsAndRates(WeightFormat format)
    {
        var before = TestProgram.Create(TestShape.Hybrid).Program;
        var after = ProgramQuantization.Apply(before, format);
        var floats = before.Weights.Where(weight => weight.Format == WeightFormat.Float32).ToList();
        Assert.NotEmpty(floats);
        Assert.All(floats, weight => Assert.Equal(WeightFormat.Float32, after.Weights[weight.Index].Format));
        Assert.All(after.Weights.Where(weight => weight.Name == "rates"), weight => Assert.Equal(WeightFormat.BFloat16, weight.Format));
        Assert.All(after.Weights.Where(weight => weight.Name is "mixed" or "remembered" or "attention_gate"), weight => Assert.Equal(format, weight.Format));
    }
}

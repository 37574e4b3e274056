using System.Text;
using Serving.Engine.Tests.Loading;
using Serving.LoadTests.Adapters;
using Serving.LoadTests.Scenarios;
using Serving.Testing;

namespace Serving.LoadTests.Tests.Adapters;

public sealed class BaseModelTests
{
    private const string Plain = """{"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}""";

    [Fact]
    public void Load_TheBundledModel_IsTheOneInTheProgram() => Assert.Equal(BaseModel.Bundled(), BaseModel.Load(Repository.DemoModel));

    [Fact]
    public void Read_WhatMayBeMissing_HasItsDefault()
    {
        var sizes = BaseModel.Read(Encoding.UTF8.GetBytes("""{"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "head_dim": null}"""));
        Assert.Equal((64, 64), (sizes.QueryWidth, sizes.KvWidth));
    }

    [Theory]
    [InlineData("num_hidden_layers\": 2", "num_hidden_layers\": 0", "num_hidden_layers must be a whole number from 1 to 1024")]
    [InlineData("hidden_size\": 64", "hidden_size\": \"64\"", "hidden_size must be")]
    [InlineData("num_attention_heads\": 4", "num_attention_heads\": 1048576", "heads and their size give no width")]
    [InlineData("head_dim\": 16", "head_dim\": 1.5", "head_dim must be")]
    [InlineData("{", "[{", "is not valid JSON")]
    public void Read_AWrongConfiguration_SaysWhatIsWrong(string from, string to, string expected)
    {
        var json = Encoding.UTF8.GetBytes(Plain.Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(expected, Assert.Throws<ScenarioException>(() => BaseModel.Read(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Mutated_IsReadOrRefused()
    {
        var (mutator, bytes, read) = (new Mutator(15), Encoding.UTF8.GetBytes(Plain), 0);
        for (var i = 0; i < 5_000; i++)
        {
            try
            {
                var sizes = BaseModel.Read(mutator.Mutate(bytes, bytes.Length));
                Assert.True(sizes is { Layers: > 0, Hidden: > 0, Intermediate: > 0, QueryWidth: > 0, KvWidth: > 0 });
                read++;
            }
            catch (ScenarioException)
            {
                // Refused, which is as good.
            }
        }

        Assert.InRange(read, 20, 4_900);
    }
}

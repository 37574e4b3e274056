using System.Text;
using Serving.Engine.Models;

namespace Serving.Engine.Tests.Models;

public class RopeFrequenciesTests
{
    /// <summary>Llama 3.2 1B as published: theta 500,000, heads of 64, factor 32, low 1, high 4, original length 8,192.</summary>
    private const string Llama32 = """{"rope_theta":500000.0,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}}""";

    [Fact]
    public void Of_Llama3_IsThePublishedFormula()
    {
        var frequencies = RopeFrequencies.Of(Parse(Llama32, 131072), 64);
        for (var pair = 0; pair < 32; pair++)
        {
            var original = 1 / Math.Pow(500000, pair / 32.0);
            var wavelength = 2 * Math.PI / original;
            var share = Math.Clamp(((8192 / wavelength) - 1) / (4.0 - 1), 0, 1);
            var expected = wavelength < 8192 / 4.0 ? original : wavelength > 8192 ? original / 32 : ((1 - share) * original / 32) + (share * original);
            Assert.Equal(expected, frequencies[pair], expected * 1e-12);
        }

        // Both ends and the passage between are there: a test of one branch alone would prove little.
        Assert.Equal(1, frequencies[0]);
        Assert.Equal(1 / Math.Pow(500000, 31 / 32.0) / 32, frequencies[31], 1e-15);
        Assert.Contains(Enumerable.Range(0, 32), pair => frequencies[pair] * Math.Pow(500000, pair / 32.0) is > 0.04 and < 0.96);
    }

    [Fact]
    public void Of_Linear_DividesEveryFrequency()
    {
        var plain = RopeFrequencies.Of(Parse("""{"rope_theta":10000.0}""", 4096), 128);
        var linear = RopeFrequencies.Of(Parse("""{"rope_theta":10000.0,"rope_scaling":{"type":"linear","factor":4}}""", 4096), 128);
        Assert.Equal(plain.Select(frequency => frequency / 4), linear);
    }

    [Fact]
    public void Of_ParametersInTheNewerLayout_AreTheSame()
    {
        var newer = """{"rope_parameters":{"rope_theta":500000.0,"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}}""";
        Assert.Equal(Parse(Llama32, 131072), Parse(newer, 131072));
    }

    [Fact]
    public void Of_Yarn_KeepsFastPairsAndDividesSlowOnes()
    {
        var rope = Parse("""{"rope_theta":1000000.0,"rope_scaling":{"factor":4.0,"original_max_position_embeddings":32768,"type":"yarn"}}""", 32768);
        var yarn = Assert.IsType<YarnRope>(rope.Scaling);
        Assert.Equal((0.1 * Math.Log(4)) + 1, yarn.Amplitude, 1e-12);
        var frequencies = RopeFrequencies.Of(rope, 128);
        var plain = Enumerable.Range(0, 64).Select(pair => Math.Pow(1e6, -pair / 64.0)).ToArray();

        // Pairs that turn 32 times and once over 32,768 positions: 64 · ln(32768 / 2π·n) / ln(theta), so 23.58 and 39.64.
        Assert.All(Enumerable.Range(0, 64), pair =>
        {
            var stretched = Math.Clamp((pair - 23) / (40.0 - 23), 0, 1);
            Assert.Equal(plain[pair] * (1 - stretched + (stretched / 4)), frequencies[pair], 1e-12);
        });
        var table = RopeFrequencies.CreateTable(rope, 128, 2);
        Assert.Equal((float)yarn.Amplitude, table.Cosines[0]);
    }

    [Fact]
    public void Parse_Yarn_StretchesThePositions()
    {
        var config = ModelConfig.Parse("""
            {"architectures":["Qwen2ForCausalLM"],"hidden_size":64,"intermediate_size":64,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":4,
             "vocab_size":100,"max_position_embeddings":32768,"rope_scaling":{"factor":4.0,"original_max_position_embeddings":32768,"type":"yarn"}}
            """u8.ToArray());
        Assert.Equal(131072, config.MaxPositions);
    }

    [Fact]
    public void CreateTable_Position_IsTheAngleOfEveryPair()
    {
        var rope = Parse("{}", 64);
        var table = RopeFrequencies.CreateTable(rope, 8, 10);
        Assert.Equal((10, 4), (table.PositionCount, table.PairCount));
        Assert.Equal((float)Math.Cos(9 * Math.Pow(10000, -0.5)), table.Cosines[(9 * 4) + 2]);
        Assert.Equal((float)Math.Sin(9 * Math.Pow(10000, -0.5)), table.Sines[(9 * 4) + 2]);
    }

    private static RopeConfig Parse(string json, int positions) => RopeConfig.Parse(JsonFields.Parse(Encoding.UTF8.GetBytes(json)), positions);
}

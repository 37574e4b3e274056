using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cpu;

/// <summary>Things that change no bit of an answer on the native backend.</summary>
public sealed class CpuEqualityTests
{
    /// <summary>Every instruction set; those that a machine lacks skip.</summary>
    public static TheoryData<string> InstructionSets => ["avx2", "avx512", "avx512-bf16", "amx", "amx-emulated"];

    /// <summary>Instruction sets of one arithmetic, on every kind of model.</summary>
    public static TheoryData<string, string, string> Twins => [.. from twins in new[] { ("avx2", "avx512"), ("amx-emulated", "amx") } from shape in Shapes.Keys select (twins.Item1, twins.Item2, shape)];

    private static readonly Dictionary<string, TestShape> Shapes = new()
    {
        ["bias"] = new TestShape { Hidden = 96, Intermediate = 160, Heads = 6, KvHeads = 2, HeadSize = 64, Bias = true },
        ["bias, int8 keys and values"] = new TestShape { Hidden = 96, Intermediate = 160, Heads = 6, KvHeads = 2, HeadSize = 64, Bias = true, KeyValues = KeyValueFormat.Int8 },
        ["odd, magnitudes"] = new TestShape { Hidden = 100, Intermediate = 70, Heads = 6, KvHeads = 2, HeadSize = 18, Tied = false, HasMagnitudes = true },
        ["head norms, int8"] = new TestShape { Heads = 3, KvHeads = 1, HeadSize = 80, HeadNorm = true, Format = WeightFormat.Int8 },
        ["gemma2"] = TestShape.Gemma2,
        ["gemma3"] = TestShape.Gemma3 with { KeyValues = KeyValueFormat.Int8 },
        ["olmo"] = TestShape.Olmo3,
        ["gpt-oss, mxfp4"] = TestShape.GptOss with { AdaptsExperts = true, Format = WeightFormat.Mxfp4, KeyValues = KeyValueFormat.Int8 },
        ["mixture"] = TestShape.Mixture with { AdaptsExperts = true, Shared = 52, HasMagnitudes = true },
        ["hybrid"] = TestShape.Hybrid with { KeySize = 40, ValueSize = 48, PlainConvolution = true, Taps = 5, KeyValues = KeyValueFormat.Int8 },
        ["hybrid, wide"] = TestShape.Hybrid with { Layers = 2, AttendsEvery = 2, KeySize = 128, ValueSize = 128, Format = WeightFormat.Int8 },
    };

    /// <summary>Work is split over threads by rows and columns, never inside a sum.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_OneOrManyThreads_SameBits(string instructionSet)
    {
        var alone = CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 1));
        Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 2)));
        Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 5)));
    }

    /// <summary>Heads and columns of layers that remember are dealt to threads, whatever pages held before.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_RecurrenceOnOneOrManyThreads_SameBits(string instructionSet)
    {
        foreach (var shape in new[] { "hybrid", "hybrid, wide" })
        {
            var alone = CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 1), Shapes[shape]);
            Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 2), Shapes[shape]));
            Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 5), Shapes[shape], poison: true));
        }
    }

    /// <summary>Who multiplies an expert's panels changes nothing, whether its rows are many or one; which of few experts has rows differs from step to step.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_ExpertsOnOneOrManyThreads_SameBits(string instructionSet)
    {
        foreach (var (experts, format) in new[] { (9, WeightFormat.BFloat16), (3, WeightFormat.Int4) })
        {
            var alone = CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 1), format: format, experts: experts);
            Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 2), format: format, experts: experts));
            Assert.Equal(alone, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 5), poison: true, format: format, experts: experts));
        }
    }

    /// <summary>What a page held before is never read: neither slots beyond the valid ones nor ranks that are padding.</summary>
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void Execute_PagesThatHeldNaN_SameBits(string instructionSet)
    {
        var factory = CpuFactory.Of(instructionSet);
        Assert.Equal(CpuScenario.Run(factory), CpuScenario.Run(factory, poison: true));
        Assert.Equal(CpuScenario.Run(factory, keyValues: KeyValueFormat.Int8), CpuScenario.Run(factory, poison: true, keyValues: KeyValueFormat.Int8));
    }

    /// <summary>The same chains in vectors of other widths; and the tiles of another emulation.</summary>
    [Theory]
    [MemberData(nameof(Twins))]
    public void Execute_SetsOfOneArithmetic_SameBits(string one, string other, string shape) =>
        Assert.Equal(CpuScenario.Run(CpuFactory.Of(one), Shapes[shape]), CpuScenario.Run(CpuFactory.Of(other), Shapes[shape]));

    /// <summary>What multiplies integers changes no bit, nor do threads or what pages held before; integers do change the result, or the test would show nothing.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, "avx2")]
    [InlineData(WeightFormat.Int8, "avx-vnni")]
    [InlineData(WeightFormat.Int8, "avx512-vnni")]
    [InlineData(WeightFormat.Int4, "avx2")]
    [InlineData(WeightFormat.Int4, "avx-vnni")]
    [InlineData(WeightFormat.Int4, "avx512-vnni")]
    [InlineData(WeightFormat.Mxfp4, "avx2")]
    [InlineData(WeightFormat.Mxfp4, "avx-vnni")]
    [InlineData(WeightFormat.Mxfp4, "avx512-vnni")]
    [InlineData(WeightFormat.Int4Asymmetric, "avx2")]
    [InlineData(WeightFormat.Int4Asymmetric, "avx-vnni")]
    [InlineData(WeightFormat.Int4Asymmetric, "avx512-vnni")]
    [InlineData(WeightFormat.Iq4, "avx2")]
    [InlineData(WeightFormat.Iq4, "avx-vnni")]
    [InlineData(WeightFormat.Iq4, "avx512-vnni")]
    public void Execute_MatricesOfIntegers_SameBitsWhateverMultiplies(WeightFormat format, string integers)
    {
        foreach (var experts in new[] { 0, 4 })
        {
            var expected = CpuScenario.Run(CpuFactory.Of("avx2", threads: 1, integers: "avx2"), format: format, experts: experts);
            foreach (var instructionSet in new[] { "avx2", "avx512" }.Where(CpuBackend.SupportedInstructionSets.Contains))
            {
                Assert.Equal(expected, CpuScenario.Run(CpuFactory.Of(instructionSet, threads: 3, integers: integers), poison: true, format: format, experts: experts));
            }

            Assert.NotEqual(expected, CpuScenario.Run(CpuFactory.Of("avx2"), experts: experts));
        }
    }

    /// <summary>Integers that are handed over are those that a backend makes itself, when they are the same.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    [InlineData(WeightFormat.Mxfp4)]
    [InlineData(WeightFormat.Int4Asymmetric)]
    [InlineData(WeightFormat.Iq4)]
    public void LoadIntegers_OfThoseMadeHere_SameBitsAsLoadWeight(WeightFormat format)
    {
        Assert.Equal(CpuScenario.Run(CpuFactory.Of("avx2"), format: format), CpuScenario.Run(CpuFactory.Of("avx2"), format: format, integers: (_, _) => { }));
        var managed = new BackendFactory("managed", false, program => new ManagedBackend(program, new ManagedBackendOptions()));
        Assert.Equal(CpuScenario.Run(managed, format: format), CpuScenario.Run(managed, format: format, integers: (_, _) => { }));
    }

    /// <summary>Numbers of four bits give the same bits in four bits and in eight: few rows and many, experts, the embedding; the largest and the smallest alone, too.</summary>
    [Theory]
    [InlineData("avx2", WeightFormat.Mxfp4)]
    [InlineData("avx-vnni", WeightFormat.Mxfp4)]
    [InlineData("avx512-vnni", WeightFormat.Mxfp4)]
    [InlineData("managed", WeightFormat.Mxfp4)]
    [InlineData("avx2", WeightFormat.Iq4)]
    [InlineData("avx-vnni", WeightFormat.Iq4)]
    [InlineData("avx512-vnni", WeightFormat.Iq4)]
    [InlineData("managed", WeightFormat.Iq4)]
    [InlineData("avx2", WeightFormat.Int4)]
    [InlineData("avx-vnni", WeightFormat.Int4)]
    [InlineData("avx512-vnni", WeightFormat.Int4)]
    [InlineData("managed", WeightFormat.Int4)]
    public void Execute_FourBits_SameBitsAsTheirNumbersInEight(string integers, WeightFormat format)
    {
        var factory = FactoryOf(integers);
        foreach (var experts in new[] { 0, 4 })
        {
            Assert.Equal(CpuScenario.RunOn(factory, format, WeightFormat.Int8, experts, (_, _) => { }), CpuScenario.RunOn(factory, format, format, experts, (_, _) => { }));
        }

        Assert.Equal(CpuScenario.RunOn(factory, format, WeightFormat.Int8, 0, Stretch), CpuScenario.RunOn(factory, format, format, 0, Stretch));

        void Stretch(sbyte[] values, ushort[] scales)
        {
            (sbyte largest, sbyte smallest) = format switch { WeightFormat.Mxfp4 => ((sbyte)12, (sbyte)-12), WeightFormat.Iq4 => ((sbyte)113, (sbyte)-127), _ => ((sbyte)7, (sbyte)-8) };
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = scales[i / BlockQuantizer.GroupSize] == 0 ? (sbyte)0 : i % 67 == 0 ? smallest : largest;
            }
        }
    }

    /// <summary>Four bits with offsets of zero are four bits without, few rows and many, experts too.</summary>
    [Theory]
    [InlineData("avx2")]
    [InlineData("avx-vnni")]
    [InlineData("avx512-vnni")]
    [InlineData("managed")]
    public void Execute_OffsetsOfZero_SameBitsAsWithout(string integers)
    {
        foreach (var experts in new[] { 0, 4 })
        {
            Assert.Equal(
                CpuScenario.RunOn(FactoryOf(integers), WeightFormat.Int4, WeightFormat.Int4, experts, (_, _) => { }),
                CpuScenario.RunOn(FactoryOf(integers), WeightFormat.Int4, WeightFormat.Int4Asymmetric, experts, (_, _) => { }));
        }
    }

    /// <summary>−128, which is never made here and which checkpoints have, is twice −64 at half the scale, whatever multiplies.</summary>
    [Theory]
    [InlineData("avx2")]
    [InlineData("avx-vnni")]
    [InlineData("avx512-vnni")]
    [InlineData("managed")]
    public void LoadIntegers_SmallestOfEightBits_SameBitsAsHalfOfItAtTwiceTheScale(string integers)
    {
        var factory = FactoryOf(integers);
        Assert.Equal(
            CpuScenario.Run(factory, format: WeightFormat.Int8, integers: Halve),
            CpuScenario.Run(factory, format: WeightFormat.Int8, integers: (values, scales) =>
            {
                Halve(values, scales);
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = checked((sbyte)(2 * values[i]));
                }

                for (var i = 0; i < scales.Length; i++)
                {
                    scales[i] = scales[i] == 0 ? (ushort)0 : BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(scales[i]) / 2);
                }
            }));
    }

    private static BackendFactory FactoryOf(string integers) => integers == "managed"
        ? new BackendFactory("managed", false, program => new ManagedBackend(program, new ManagedBackendOptions()))
        : CpuFactory.Of("avx2", integers: integers);

    /// <summary>Every fifth integer −64, the others half of what they were.</summary>
    private static void Halve(sbyte[] values, ushort[] scales)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i % 5 == 0 && scales[i / BlockQuantizer.GroupSize] != 0 ? (sbyte)-64 : (sbyte)(values[i] / 2);
        }
    }

    /// <summary>The emulated tiles are the real ones, and FMAs in the tiles' order are both.</summary>
    [Fact]
    public void Execute_AmxAndEmulated_SameBits()
    {
        foreach (var keyValues in Enum.GetValues<KeyValueFormat>())
        {
            Assert.Equal(CpuScenario.Run(CpuFactory.Of("amx"), keyValues: keyValues), CpuScenario.Run(CpuFactory.Of("amx-emulated"), keyValues: keyValues));
        }
    }

    /// <summary>The tiles' order is another one than the plain chain, or the tests of it would show nothing.</summary>
    [Fact]
    public void Execute_EmulatedAmxAndAvx2_DifferentBits() => Assert.NotEqual(CpuScenario.Run(CpuFactory.Of("avx2")), CpuScenario.Run(CpuFactory.Of("amx-emulated")));
}

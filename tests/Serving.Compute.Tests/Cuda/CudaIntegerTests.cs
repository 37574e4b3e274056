using Serving.Compute.Cuda;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>
/// Matrices of integers on a GPU: a model of them is the bf16 model of what they stand for, bit for bit, whichever way multiplies. What holds for that (the backend's contracts, invariance) holds for them.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaIntegerTests : IDisposable
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static readonly Dictionary<string, TestShape> Shapes = new()
    {
        ["planes"] = new TestShape { HeadSize = 64, Heads = 8, KvHeads = 1, Hidden = 512, Intermediate = 1100, Layers = 1, Vocabulary = 300, Tied = false },
        ["biases, odd widths"] = new TestShape { HeadSize = 18, Heads = 6, KvHeads = 2, Bias = true, Hidden = 100, Intermediate = 70, Layers = 2, Vocabulary = 133, HasMagnitudes = true },
        ["experts, odd widths"] = TestShape.Mixture with { Shared = 52, Layers = 1 },
        ["gpt-oss"] = TestShape.GptOss with { Intermediate = 64, Layers = 1 },
        ["hybrid"] = TestShape.Hybrid,
    };

    /// <summary>Formats, shapes, and whether few rows are multiplied by the kernel that reads integers.</summary>
    public static TheoryData<WeightFormat, string, bool> Cases => new()
    {
        { WeightFormat.Int8, "planes", true }, { WeightFormat.Int8, "planes", false }, { WeightFormat.Int8, "biases, odd widths", true }, { WeightFormat.Int8, "biases, odd widths", false },
        { WeightFormat.Int8, "hybrid", false }, { WeightFormat.Int4, "planes", true }, { WeightFormat.Int4, "biases, odd widths", true }, { WeightFormat.Int4, "biases, odd widths", false },
        { WeightFormat.Int4Asymmetric, "planes", true }, { WeightFormat.Int4Asymmetric, "biases, odd widths", false }, { WeightFormat.Iq4, "biases, odd widths", true },
        { WeightFormat.Mxfp4, "biases, odd widths", true }, { WeightFormat.Int4, "experts, odd widths", true }, { WeightFormat.Int8, "experts, odd widths", false }, { WeightFormat.Mxfp4, "gpt-oss", true },
        { WeightFormat.Int4Asymmetric, "gpt-oss", false },
    };

    /// <summary>A chunk of every sequence, then a step of one row each, adapters among them, of DoRA too, whose factors are made from what is read back; rounded by the backend, and handed over as integers.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Execute_Integers_HasTheBitsOfWhatTheyStandFor(WeightFormat format, string shape, bool own)
    {
        var test = TestProgram.Create(Shapes[shape] with { Format = format });
        var factory = own ? CudaFactory.OwnProducts : CudaFactory.Deterministic;
        int[] prompts = own ? [30, 20, 1] : [70, 20, 1];
        var expected = Run(factory, Decoded(test), prompts);
        Assert.All(expected, value => Assert.True(float.IsFinite(value)));
        Assert.Equal(expected, Run(factory, test, prompts));
        Assert.Equal(expected, Run(factory, test with { Integers = (_, _) => { } }, prompts));
    }

    /// <summary>A checkpoint of four bits under int8: its matrices stay as they are, those of the logits too, and its table has eight.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Execute_FourBitsBesideEight_HasTheBitsOfWhatTheyStandFor(bool own)
    {
        var eight = TestProgram.Create(Shapes["planes"] with { Format = WeightFormat.Int8 });
        var kept = eight with { Program = eight.Program with { Weights = [.. eight.Program.Weights.Select(weight => weight is { Kind: WeightKind.Matrix, Format: WeightFormat.Int8 } ? weight with { Format = WeightFormat.Int4 } : weight)] } };
        Assert.Contains(kept.Program.Weights, weight => weight.Format == WeightFormat.Int8);
        var factory = own ? CudaFactory.OwnProducts : CudaFactory.Deterministic;
        Assert.Equal(Run(factory, Decoded(kept), [30, 20, 1]), Run(factory, kept, [30, 20, 1]));
    }

    /// <summary>Decoded in several slabs, of which each has an algorithm of its own, in planes too.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    public void Execute_Slabs_AgreeWithTheWhole(WeightFormat format)
    {
        var test = TestProgram.Create(Shapes["planes"] with { Format = format });
        var (whole, slabs) = (Run(CudaFactory.Deterministic, test, [70, 1]), Run(CudaFactory.Slabs, test, [70, 1]));
        var tolerance = 0.03 * Math.Sqrt(whole.Average(value => (double)value * value));
        Assert.All(whole.Zip(slabs), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    /// <summary>A sequence's bits are those that it has alone: in deterministic mode in steps of any size, otherwise in steps of few rows. Of experts so, whichever of the two kernels multiplies.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, "biases, odd widths", true)]
    [InlineData(WeightFormat.Int4, "biases, odd widths", true)]
    [InlineData(WeightFormat.Int4, "biases, odd widths", false)]
    [InlineData(WeightFormat.Int4Asymmetric, "biases, odd widths", true)]
    [InlineData(WeightFormat.Mxfp4, "gpt-oss", true)]
    public void Execute_InCompany_GivesTheBitsOfAlone(WeightFormat format, string shape, bool own)
    {
        var test = TestProgram.Create(Shapes[shape] with { Format = format });
        var factory = own ? CudaFactory.OwnProducts : CudaFactory.Slabs;
        var company = Run(factory, test, own ? [30, 25, 5] : [30, 60, 5]);
        var alone = Run(factory, test, [30]);
        Assert.Equal(alone.AsSpan(0, test.Shape.Vocabulary).ToArray(), company.AsSpan(0, test.Shape.Vocabulary).ToArray());
    }

    /// <summary>Beside the CPU's arithmetic, which rounds inputs to eight bits, they are as far off as that rounding is.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    [InlineData(WeightFormat.Int4Asymmetric)]
    public void Execute_Integers_StaysNearTheManagedBackend(WeightFormat format)
    {
        var test = TestProgram.Create(Shapes["biases, odd widths"] with { Format = format });
        var (managed, cuda) = (Run(Managed.ManagedFactories.Create("managed", new Compute.Managed.ManagedBackendOptions()), test, [30, 20, 1]), Run(CudaFactory.Default, test, [30, 20, 1]));
        var tolerance = 0.07 * Math.Sqrt(managed.Average(value => (double)value * value));
        Assert.All(managed.Zip(cuda), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    /// <summary>Experts of integers need a slab for what is no expert's alone, and their strips are filled up expert by expert.</summary>
    [Fact]
    public void PackedBytes_OfExperts_AreTheirStrips()
    {
        var test = TestProgram.Create(TestShape.Mixture with { Format = WeightFormat.Mxfp4 });
        using var backend = CudaFactory.Default.Create(test.Program);
        var experts = test.Program.Weights.Where(weight => weight is { Experts: 5, Kind: WeightKind.Matrix }).ToList();
        Assert.Equal([(88, 72), (72, 44), (88, 72), (72, 44)], experts.Select(weight => (weight.RowsPerExpert, weight.Columns)));
        Assert.Equal([5 * 2 * 2 * 2304, 5 * 2 * 2304, 5 * 2 * 2 * 2304, 5 * 2 * 2304], experts.Select(weight => backend.PackedBytes(weight.Index)));
        var of = new WeightSpec(0, string.Empty, 1 << 20, 1 << 10, WeightKind.Matrix, []) { Format = WeightFormat.Mxfp4 };
        Assert.True(Compute.Cuda.Memory.DecodedSlabs.BytesOf(test.Program with { Weights = [of] }, 1 << 20) > 0);
        Assert.Equal(0, Compute.Cuda.Memory.DecodedSlabs.BytesOf(test.Program with { Weights = [of with { Experts = 4 }] }, 1 << 20));
    }

    /// <summary>Rows that come twice, integers that are too many, integers for a matrix of bf16.</summary>
    [Fact]
    public void LoadIntegers_WhatDoesNotFit_IsRefused()
    {
        var test = TestProgram.Create(Shapes["biases, odd widths"] with { Format = WeightFormat.Int8 });
        using var backend = CudaFactory.Default.Create(test.Program);
        var matrix = test.Program.Weights.First(weight => weight.Kind == WeightKind.Matrix);
        var (values, scales) = (new sbyte[BlockQuantizer.PaddedColumns(matrix.Columns)], new ushort[BlockQuantizer.GroupCount(matrix.Columns)]);
        backend.LoadIntegers(matrix.Index, 3, values, scales);
        Assert.Throws<Compute.Backends.ComputeException>(() => backend.LoadIntegers(matrix.Index, 3, values, scales));
        Assert.Throws<Compute.Backends.ComputeException>(() => backend.LoadIntegers(matrix.Index, matrix.Rows, values, scales));
        Assert.Throws<Compute.Backends.ComputeException>(() => backend.LoadIntegers(matrix.Index, 4, values, scales.AsSpan(1)));
        Assert.Throws<Compute.Backends.ComputeException>(() => backend.LoadIntegers(test.Program.Weights.First(weight => weight.Kind == WeightKind.Vector).Index, 0, values, scales));
    }

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <summary>The bf16 program of what the integers of a program stand for.</summary>
    private static TestProgram Decoded(TestProgram test) => new(
        test.Shape with { Format = WeightFormat.BFloat16 },
        TestProgram.Create(test.Shape with { Format = WeightFormat.BFloat16 }).Program,
        [.. test.Program.Weights.Select(weight => weight.Format is WeightFormat.BFloat16 or WeightFormat.Float32 ? test.Weights[weight.Index] : Decode(weight, test.Weights[weight.Index]))]);

    private static ushort[] Decode(WeightSpec weight, ushort[] elements)
    {
        var (values, scales) = (new sbyte[BlockQuantizer.PaddedColumns(weight.Columns)], new ushort[BlockQuantizer.ScaleCount(weight.Format, weight.Columns)]);
        var groups = BlockQuantizer.GroupCount(weight.Columns);
        var decoded = new ushort[elements.Length];
        for (var row = 0; row < weight.Rows; row++)
        {
            BlockQuantizer.Quantize(weight.Format, elements.AsSpan(row * weight.Columns, weight.Columns), values, scales);
            for (var k = 0; k < weight.Columns; k++)
            {
                var group = k / BlockQuantizer.GroupSize;
                decoded[(row * weight.Columns) + k] = Kernels.IntegerOperand.Of(values[k], scales[group], scales.Length > groups ? scales[groups + group] : null);
            }
        }

        return decoded;
    }

    /// <summary>A chunk of every sequence and a step of one row each; logits of both steps' last rows.</summary>
    private static float[] Run(BackendFactory factory, TestProgram test, int[] prompts)
    {
        using var session = new BackendSession(factory, test, pages: 256 + (8 * test.Program.Shape.StatePages), maxRows: 100);
        var sequences = prompts.Select((_, i) => new TestSequence(session, i == 1 ? -1 : session.AddAdapter(test.CreateAdapter(i, slice => (slice.Index + i) % 4 == 0 ? 0 : 9)))).ToArray();
        var logits = new List<float>();
        for (var step = 0; step < 2; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < prompts.Length; i++)
            {
                sequences[i].AddChunk([.. Enumerable.Range(i + step, step == 0 ? prompts[i] : 1).Select(token => token % test.Shape.Vocabulary)], last: Greedy);
            }

            session.Execute();
            logits.AddRange(Enumerable.Range(0, prompts.Length).SelectMany(session.Logits));
        }

        return [.. logits];
    }
}

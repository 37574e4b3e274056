using System.Runtime.InteropServices;
using Serving.Compute.Cpu;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;
using Serving.Engine.Tests.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>Checkpoints of integers loaded into this engine's formats of integers: what fits is kept, and what does not is rounded a second time.</summary>
public class IntegerLoadTests(ITestOutputHelper output)
{
    /// <summary>Schemes by name, a format, and whether it holds the scheme's integers.</summary>
    public static TheoryData<string, WeightFormat, bool> Formats => new()
    {
        { "compressed-tensors int4 groups of 32 BF16", WeightFormat.Int4, true },
        { "compressed-tensors int4 groups of 32 BF16", WeightFormat.Int8, true },
        { "compressed-tensors int4 groups of 32 F16 asymmetric", WeightFormat.Int4, false },
        { "compressed-tensors int4 groups of 32 F16 asymmetric", WeightFormat.Int8, true },
        { "compressed-tensors int4 groups of 16 BF16 ordered", WeightFormat.Int4, false },
        { "compressed-tensors int4 rows BF16 asymmetric", WeightFormat.Int8, true },
        { "compressed-tensors int8 rows BF16 plain", WeightFormat.Int8, true },
        { "compressed-tensors int8 rows BF16", WeightFormat.Int8, true },
        { "compressed-tensors int8 rows BF16", WeightFormat.Int4, false },
        { "compressed-tensors int8 rows F32 asymmetric plain", WeightFormat.Int8, false },
        { "GPTQ gptq int4 groups of 32", WeightFormat.Int4, true },
        { "GPTQ gptq int4 groups of 32 asymmetric ordered", WeightFormat.Int8, false },
        { "GPTQ gptq_v2 int4 groups of 32 asymmetric", WeightFormat.Int4, false },
        { "GPTQ gptq_v2 int4 groups of 32 asymmetric", WeightFormat.Int8, true },
        { "GPTQ gptq int8 rows", WeightFormat.Int8, true },
        { "AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int8, true },
        { "AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int4, false },
        { "bitsandbytes int8 plain 64", WeightFormat.Int8, true },
        { "bitsandbytes nf4 plain 64", WeightFormat.Int4, false },
        { "MXFP4 blocks of 32", WeightFormat.Int8, true },
        { "MXFP4 blocks of 32", WeightFormat.Int4, false },
        { "MXFP4 blocks of 32", WeightFormat.Mxfp4, true },
        { "compressed-tensors int4 groups of 32 BF16", WeightFormat.Mxfp4, false },
        { "compressed-tensors int4 groups of 32 F16 asymmetric", WeightFormat.Int4Asymmetric, true },
        { "compressed-tensors int4 rows BF16 asymmetric", WeightFormat.Int4Asymmetric, true },
        { "GPTQ gptq_v2 int4 groups of 32 asymmetric", WeightFormat.Int4Asymmetric, true },
        { "AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int4Asymmetric, true },
        { "GPTQ gptq int4 groups of 32 asymmetric ordered", WeightFormat.Int4Asymmetric, false },
        { "GPTQ gptq int4 groups of 32", WeightFormat.Int4Asymmetric, false },
        { "compressed-tensors int8 rows F32 asymmetric plain", WeightFormat.Int4Asymmetric, false },
        { "FP8 qwen F32", WeightFormat.Int8, false },
        { "compressed-tensors FP8 channel BF16", WeightFormat.Int8, false },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Load_IntegersThatFit_AreKeptWithTheirScalesInBf16(string name, WeightFormat format, bool fits)
    {
        using var folder = Fold(name);
        var opened = ModelFolder.Open(folder.Quantized);
        var program = ProgramQuantization.Apply(ModelRegistry.Build("tiny", opened.Config, 64), format);
        using var backend = new RecordingBackend(program);
        using var checkpoint = Checkpoint.Open(folder.Quantized);
        WeightLoader.Load(backend, program, checkpoint, WeightSchemes.Of(opened));
        Assert.True(backend.IsComplete);
        Assert.Equal(fits, backend.Integers.Count > 0);
        var hasOffsets = format == WeightFormat.Int4Asymmetric;
        var isExact = !hasOffsets && (name.Contains("BF16", StringComparison.Ordinal) || name.StartsWith("MXFP4", StringComparison.Ordinal));
        foreach (var weight in program.Weights.Where(weight => fits && weight.Kind == WeightKind.Matrix && weight.Name != "lm_head"))
        {
            foreach (var part in weight.Parts)
            {
                var stands = folder.Stands[part.TensorName];
                for (var i = 0; i < stands.Length; i++)
                {
                    var kept = backend.Integers[(weight.Index, part.Offset + (i / weight.Columns), i % weight.Columns)];

                    // A scale is rounded by 2⁻⁹ of it at most, times an integer and times what an offset is of it: sixteen of them are the span of a group and more.
                    var most = hasOffsets ? stands.AsSpan(i / 32 * 32, Math.Min(32, stands.Length - (i / 32 * 32))).ToArray().Max(Math.Abs) / 128 : Math.Abs(stands[i]) / 256;
                    Assert.True(isExact ? kept == stands[i] : Math.Abs(kept - stands[i]) <= most, $"{part.TensorName}[{i}]: {kept} of {stands[i]}");
                }
            }
        }
    }

    /// <summary>What a second rounding costs: root mean square of the change over that of the weights, of the bundled model's first layer, held to what was measured.</summary>
    [Theory]
    [InlineData("FP8 qwen F32", WeightFormat.BFloat16, 0.002)]
    [InlineData("bitsandbytes nf4 nested 64", WeightFormat.BFloat16, 0.002)]
    [InlineData("compressed-tensors int4 groups of 32 BF16", WeightFormat.Int4, 0)]
    [InlineData("GPTQ gptq int4 groups of 32", WeightFormat.Int4, 0.002)]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int8, 0.002)]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int4, 0.045)]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", WeightFormat.Int4Asymmetric, 0.003)]
    [InlineData("bitsandbytes nf4 nested 64", WeightFormat.Int4Asymmetric, 0.085)]
    [InlineData("bitsandbytes nf4 nested 64", WeightFormat.Int4, 0.085)]
    [InlineData("bitsandbytes nf4 nested 64", WeightFormat.Int8, 0.006)]
    [InlineData("FP8 qwen F32", WeightFormat.Int8, 0.006)]
    [InlineData("FP8 qwen F32", WeightFormat.Int4, 0.085)]
    public void Load_SecondRounding_CostsWhatWasMeasured(string name, WeightFormat format, double most)
    {
        using var folder = new QuantizedFolder(DemoWeights.Config, DemoWeights.Tensors, Schemes.Make(name));
        var opened = ModelFolder.Open(folder.Quantized);
        var program = ProgramQuantization.Apply(ModelRegistry.Build("demo", opened.Config, 64), format);
        using var backend = new RecordingBackend(program);
        using var checkpoint = Checkpoint.Open(folder.Quantized);
        WeightLoader.Load(backend, program, checkpoint, WeightSchemes.Of(opened));
        var (squares, errors) = (0.0, 0.0);
        foreach (var weight in program.Weights.Where(weight => weight.Kind == WeightKind.Matrix))
        {
            foreach (var part in weight.Parts)
            {
                var stands = folder.Stands[part.TensorName];
                for (var row = 0; row < part.Length; row++)
                {
                    var kept = RowOf(backend, weight, part.Offset + row);
                    for (var i = 0; i < weight.Columns; i++)
                    {
                        var value = stands[(row * weight.Columns) + i];
                        (squares, errors) = (squares + (value * (double)value), errors + ((kept[i] - value) * (double)(kept[i] - value)));
                    }
                }
            }
        }

        var error = Math.Sqrt(errors / squares);
        output.WriteLine($"{name} as {format}: {error:0.00000}");
        Assert.InRange(error, most / 4, most);
    }

    /// <summary>Integers that are kept run as those that this engine would have made itself.</summary>
    [Fact]
    public void Run_IntegersThatAreKept_GiveTheLogitsOfTheSameIntegersMadeHere()
    {
        using var folder = new QuantizedFolder(DemoWeights.Config, DemoWeights.Tensors, new PowerOfTwoEncoder());
        int[] tokens = [0, 17, 300, 5, 1999, 42, 8, 700];
        using var kept = new ModelRunner(folder.Quantized, 16, exact: false, WeightFormat.Int8);
        using var made = new ModelRunner(folder.Plain, 16, exact: false, WeightFormat.Int8);
        Assert.Equal(made.Append(tokens), kept.Append(tokens));
        Assert.Equal(MemoryMarshal.Cast<float, int>(made.Logits(7)), MemoryMarshal.Cast<float, int>(kept.Logits(7)));
    }

    /// <summary>Integers of four bits without zero points stay at four bits next to eight; logits are those of the same integers in eight.</summary>
    [Theory]
    [InlineData("compressed-tensors int4 groups of 32 BF16", true, "avx2")]
    [InlineData("compressed-tensors int4 groups of 32 BF16", true, null)]
    [InlineData("GPTQ gptq int4 groups of 32", true, null)]
    [InlineData("compressed-tensors int8 rows BF16", false, null)]
    public void Run_FourBitsThatStay_GiveTheLogitsOfEight(string name, bool stay, string? isa)
    {
        Repository.Requires(isa is null || CpuBackend.SupportedInstructionSets.Contains(isa), "the native library is missing");
        using var folder = new QuantizedFolder(DemoWeights.Config, DemoWeights.Tensors, Schemes.Make(name));
        int[] tokens = [0, 17, 300, 5, 1999, 42, 8, 700, 3, 3, 250];
        using var kept = new ModelRunner(folder.Quantized, 32, exact: false, WeightFormat.Int8, keepsStored: true, isa: isa);
        using var eight = new ModelRunner(folder.Quantized, 32, exact: false, WeightFormat.Int8, isa: isa);
        Assert.Equal(stay, kept.Formats.Contains(WeightFormat.Int4));
        Assert.DoesNotContain(WeightFormat.Int4, eight.Formats);
        foreach (var step in new[] { tokens, [77] })
        {
            Assert.Equal(eight.Append(step), kept.Append(step));
            Assert.Equal(MemoryMarshal.Cast<float, int>(eight.Logits(step.Length - 1)), MemoryMarshal.Cast<float, int>(kept.Logits(step.Length - 1)));
        }
    }

    /// <summary>Integers with zero points stay at four bits where the backend has offsets, and give the logits of the same integers in eight up to what bf16 rounds of an offset.</summary>
    [Theory]
    [InlineData("compressed-tensors int4 groups of 32 F16 asymmetric", "avx2")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", "avx2")]
    [InlineData("AWQ awq int4 groups of 32 asymmetric", null)]
    public void Run_ZeroPointsThatStay_GiveAlmostTheLogitsOfEight(string name, string? isa)
    {
        Repository.Requires(isa is null || CpuBackend.SupportedInstructionSets.Contains(isa), "the native library is missing");
        using var folder = new QuantizedFolder(DemoWeights.Config, DemoWeights.Tensors, Schemes.Make(name));
        int[] tokens = [0, 17, 300, 5, 1999, 42, 8, 700, 3, 3, 250];
        using var kept = new ModelRunner(folder.Quantized, 32, exact: false, WeightFormat.Int8, keepsStored: true, isa: isa);
        using var eight = new ModelRunner(folder.Quantized, 32, exact: false, WeightFormat.Int8, isa: isa);
        using var rounded = new ModelRunner(folder.Quantized, 32, exact: false, WeightFormat.Int4, isa: isa);
        Assert.Contains(WeightFormat.Int4Asymmetric, kept.Formats);
        kept.Append(tokens);
        eight.Append(tokens);
        rounded.Append(tokens);
        var (expected, almost, other) = (eight.Logits(tokens.Length - 1).ToArray(), kept.Logits(tokens.Length - 1).ToArray(), rounded.Logits(tokens.Length - 1).ToArray());
        var (near, far) = (Distance(almost), Distance(other));
        output.WriteLine($"{name}: {near:0.0000} beside {far:0.0000} of a second rounding");
        Assert.InRange(near, 0, far / 4);

        double Distance(float[] logits) => Math.Sqrt(logits.Zip(expected, (a, b) => (double)(a - b) * (a - b)).Average());
    }

    private static float[] RowOf(RecordingBackend backend, WeightSpec weight, int row)
    {
        if (backend.Integers.ContainsKey((weight.Index, row, 0)))
        {
            return [.. Enumerable.Range(0, weight.Columns).Select(column => backend.Integers[(weight.Index, row, column)])];
        }

        if (weight.Format == WeightFormat.BFloat16)
        {
            return Array.ConvertAll(backend.Values[weight.Index][(row * weight.Columns)..((row + 1) * weight.Columns)], BFloat16Bits.ToSingle);
        }

        var (values, scales) = (new sbyte[BlockQuantizer.PaddedColumns(weight.Columns)], new ushort[2 * BlockQuantizer.GroupCount(weight.Columns)]);
        BlockQuantizer.Quantize(weight.Format, backend.Values[weight.Index].AsSpan(row * weight.Columns, weight.Columns), values, scales.AsSpan(0, BlockQuantizer.ScaleCount(weight.Format, weight.Columns)));
        return [.. Enumerable.Range(0, weight.Columns).Select(column =>
            (values[column] * BFloat16Bits.ToSingle(scales[column / BlockQuantizer.GroupSize])) + BFloat16Bits.ToSingle(scales[(scales.Length / 2) + (column / BlockQuantizer.GroupSize)]))];
    }

    private static QuantizedFolder Fold(string name)
    {
        var model = new TinyModel("LlamaForCausalLM");
        return new QuantizedFolder(model.Config, model.Tensors.Select(tensor => (tensor.Key, tensor.Value.Shape, tensor.Value.Values)), Schemes.Make(name));
    }
}

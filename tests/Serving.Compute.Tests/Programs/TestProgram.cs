using System.Collections.Concurrent;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Tests.Programs;

/// <summary>A Llama-type program with random weights, as a program builder of the engine would make it.</summary>
/// <param name="Shape">Its sizes.</param>
/// <param name="Program">The program.</param>
/// <param name="Weights">bf16 by weight index, row-major.</param>
public sealed record TestProgram(TestShape Shape, ModelProgram Program, IReadOnlyList<ushort[]> Weights)
{
    /// <summary>RMSNorm's epsilon.</summary>
    public const float Epsilon = 1e-5f;

    /// <summary>What was drawn for a shape and a seed: most shapes are those of many tests, and a normal deviate costs a logarithm and a cosine.</summary>
    private static readonly ConcurrentDictionary<(TestShape Shape, int Seed), Lazy<ushort[][]>> Drawn = new();

    /// <summary>
    /// Makes other integers, and scales, of those that a backend would make of a row: matrices of integers are then handed over as such. Null hands over bf16.
    /// </summary>
    public Action<sbyte[], ushort[]>? Integers { get; init; }

    /// <summary>The format whose numbers the integers are; null for their own.</summary>
    public WeightFormat? Numbers { get; init; }

    /// <summary>A program of a shape, the same for the same seed; its weights are the caller's own.</summary>
    public static TestProgram Create(TestShape shape, int seed = 1)
    {
        var program = TestProgramBuilder.Build(shape);
        var drawn = Drawn.GetOrAdd((shape, seed), _ => new Lazy<ushort[][]>(() => Draw(program, new Random(seed)))).Value;
        return new TestProgram(shape, program, [.. drawn.Select(values => values.ToArray())]);
    }

    /// <summary>Loads all weights, in pieces of a few rows as a reader of shards would.</summary>
    public void LoadInto(IComputeBackend backend, int rowsPerPiece = 7)
    {
        foreach (var weight in Program.Weights)
        {
            var values = Weights[weight.Index];
            var width = weight.Kind == WeightKind.Vector ? 1 : weight.Columns;
            var rows = values.Length / width;
            for (var row = 0; row < rows; row += rowsPerPiece)
            {
                var count = Math.Min(rowsPerPiece, rows - row);
                Load(backend, weight, row, values.AsSpan(row * width, count * width));
            }
        }
    }

    /// <summary>What stands for elements of a vector of floats: near them, and nothing that bf16 holds.</summary>
    public static float[] Floats(ReadOnlySpan<ushort> values)
    {
        var floats = new float[values.Length];
        for (var i = 0; i < floats.Length; i++)
        {
            floats[i] = BFloat16Bits.ToSingle(values[i]) * 1.001f;
        }

        return floats;
    }

    private void Load(IComputeBackend backend, WeightSpec weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        if (weight.Format == WeightFormat.Float32)
        {
            backend.LoadFloats(weight.Index, firstRow, Floats(values));
            return;
        }

        if (Integers is null || weight.Format == WeightFormat.BFloat16)
        {
            backend.LoadWeight(weight.Index, firstRow, values);
            return;
        }

        for (var row = 0; row < values.Length / weight.Columns; row++)
        {
            var (integers, scales) = (new sbyte[BlockQuantizer.PaddedColumns(weight.Columns)], new ushort[BlockQuantizer.ScaleCount(weight.Format, weight.Columns)]);
            var numbers = Numbers ?? weight.Format;
            BlockQuantizer.Quantize(numbers, values.Slice(row * weight.Columns, weight.Columns), integers, scales.AsSpan(0, BlockQuantizer.ScaleCount(numbers, weight.Columns)));
            Integers(integers, scales);
            backend.LoadIntegers(weight.Index, firstRow + row, integers, scales);
        }
    }

    /// <summary>A random adapter; <paramref name="rankOf"/> gives the rank of each slice, 0 leaves the slice out. Of experts every third has none, and the others' ranks differ.</summary>
    public AdapterWeights CreateAdapter(int seed, Func<LoraSlice, int> rankOf, float scale = 0.5f) =>
        CreateAdapter(seed, (slice, expert) => rankOf(slice) == 0 || (slice.Experts > 1 && (expert + seed) % 3 == 0) ? 0 : rankOf(slice) + expert, scale);

    /// <summary>A random adapter; <paramref name="rankOf"/> gives the rank of each slice and expert, 0 leaves it out.</summary>
    public AdapterWeights CreateAdapter(int seed, Func<LoraSlice, int, int> rankOf, float scale = 0.5f)
    {
        var (random, magnitudes) = (new Random(seed), new Random(seed + 1));
        var slices = new List<AdapterSlice>();
        foreach (var slice in Program.Slices)
        {
            for (var expert = 0; expert < slice.Experts; expert++)
            {
                var rank = rankOf(slice, expert);
                if (rank > 0)
                {
                    var a = Normal(random, rank * slice.InputWidth, 1 / Math.Sqrt(slice.InputWidth));
                    var b = Normal(random, slice.OutputWidth * rank, 1 / Math.Sqrt(rank));
                    slices.Add(new AdapterSlice(slice.Index, rank, scale, a, b)
                    {
                        Expert = expert,
                        Magnitudes = Shape.HasMagnitudes && seed % 2 == 0 ? Enumerable.Range(0, slice.OutputWidth).Select(_ => (magnitudes.NextSingle() * 2) - 0.3f).ToArray() : default,
                    });
                }
            }
        }

        return new AdapterWeights(slices);
    }

    /// <summary>Normally distributed bf16 values.</summary>
    public static ushort[] Normal(Random random, int count, double deviation)
    {
        var values = new ushort[count];
        for (var i = 0; i < count; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = BFloat16Bits.FromSingle((float)(deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble())));
        }

        return values;
    }

    private static ushort[][] Draw(ModelProgram program, Random random) => [.. program.Weights.Select(weight => Values(random, weight))];

    /// <summary>Sinks lie among scores, experts' biases move their gates past their bounds, and taps weigh more than what is added to them.</summary>
    private static double DeviationOf(string vector) => vector switch
    {
        "sinks" => 2,
        "taps" or "decay_bias" => 0.6,
        _ => vector.StartsWith("experts_", StringComparison.Ordinal) ? 1 : 0.1,
    };

    private static ushort[] Values(Random random, WeightSpec weight)
    {
        if (weight.Kind != WeightKind.Vector)
        {
            return Normal(random, weight.Rows * weight.Columns, weight.Kind == WeightKind.Embedding ? 1 : 1 / Math.Sqrt(weight.Columns));
        }

        var values = Normal(random, weight.Columns, DeviationOf(weight.Name));
        if (weight.Name == "rate")
        {
            // From a state that is as good as kept to one that is soon forgotten.
            return [.. values.Select((value, head) => BFloat16Bits.FromSingle(-0.01f - Math.Abs(BFloat16Bits.ToSingle(value) * (1 + (head * 3 % 7)))))];
        }

        var mean = weight.Name.EndsWith("norm", StringComparison.Ordinal) ? 1f - weight.Offset : 0f;
        return [.. values.Select(value => BFloat16Bits.FromSingle(BFloat16Bits.ToSingle(value) + mean))];
    }
}

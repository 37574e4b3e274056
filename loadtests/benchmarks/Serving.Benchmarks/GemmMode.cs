using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks;

/// <summary>
/// The managed backend's Linear at 1, 8 and 64 rows, as a share of the multiply-add peak measured in the same run. The program is a chain of Linears with different
/// weights, so that weights come from memory as they do in a model.
/// </summary>
internal static class GemmMode
{
    private const int Linears = 8;

    /// <summary>Arguments: inputs and outputs of a Linear, 2,048 each by default, and the number of threads.</summary>
    public static void Run(string[] args)
    {
        var inputs = args.Length > 1 ? int.Parse(args[0]) : 2048;
        var outputs = args.Length > 1 ? int.Parse(args[1]) : 2048;
        var program = Chain(inputs, outputs);
        using var backend = new ManagedBackend(program, new ManagedBackendOptions { Threads = args.Length > 2 ? int.Parse(args[2]) : 0 });
        Load(backend, program);
        var limits = new StepLimits(64, 64, 64, 64);
        backend.AllocatePool(new PoolShape(64, program.Shape.PageBytes, 1), limits);
        Console.WriteLine($"managed {backend.InstructionSet}, {backend.ThreadCount} threads, {Linears} Linears of {inputs} x {outputs}");
        foreach (var rows in new[] { 1, 8, 64 })
        {
            // The peak is measured around every rate, since the machine's clock and its neighbours change while this runs.
            var peak = FmaPeak.Measure(backend.ThreadCount);
            var rate = Rate(backend, program, rows, 2.0 * rows * inputs * outputs * Linears);
            peak = Math.Max(peak, FmaPeak.Measure(backend.ThreadCount));
            Console.WriteLine($"rows {rows,3}: {rate,8:F1} GFLOP/s, {rate / peak,6:P1} of the fp32 multiply-add peak of {peak:F1} GFLOP/s");
        }
    }

    private static double Rate(ManagedBackend backend, ModelProgram program, int rows, double operations)
    {
        var inputs = new StepInputs();
        for (var row = 0; row < rows; row++)
        {
            inputs.AddRow(row, 0, row, 0);
            inputs.AddSequence(new StepSequence { FirstRow = row, RowCount = 1, FirstEntry = row, EntryCount = 1 });
            inputs.AddEntry(row, 1);
        }

        inputs.AddSegment(0, rows, -1);
        var results = new StepOutputs(new StepLimits(64, 64, 64, 64), program.Shape.VocabularySize);
        var best = double.MaxValue;
        for (var total = Stopwatch.StartNew(); total.ElapsedMilliseconds < 1500;)
        {
            var start = Stopwatch.GetTimestamp();
            backend.Execute(inputs, results);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return operations / best / 1e9;
    }

    private static ModelProgram Chain(int inputs, int outputs)
    {
        ProgramBuffer[] buffers =
        [
            new("x", inputs, BufferElement.Float32, BufferRows.Step),
            new("normed", inputs, BufferElement.BFloat16, BufferRows.Step),
            new("y", outputs, BufferElement.BFloat16, BufferRows.Step),
        ];
        var weights = new List<WeightSpec>
        {
            new(0, "embedding", 64, inputs, WeightKind.Embedding, [new WeightPart("embedding", 0, 64)]),
            new(1, "norm", 1, inputs, WeightKind.Vector, [new WeightPart("norm", 0, inputs)]),
        };
        var ops = new List<ProgramOp> { new EmbedOp(0, 0), new RmsNormOp(0, 1, 1, 1e-5f) };
        for (var i = 0; i < Linears; i++)
        {
            weights.Add(new WeightSpec(weights.Count, "linear", outputs, inputs, WeightKind.Matrix, [new WeightPart("linear", 0, outputs)]));
            ops.Add(new LinearOp(1, 2, weights.Count - 1, null, LinearOutput.Round, []));
        }

        return new ModelProgram("gemm", new ModelShape(inputs, outputs, 1, 1, 1, 64, 64), RopeTable.Create(64, new double[32]), buffers, weights, [], ops);
    }

    private static void Load(ManagedBackend backend, ModelProgram program)
    {
        var random = new Random(1);
        foreach (var weight in program.Weights)
        {
            var values = new ushort[weight.Rows * weight.Columns];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (ushort)(0x3C00 + random.Next(0x200));
            }

            backend.LoadWeight(weight.Index, 0, values);
        }
    }
}

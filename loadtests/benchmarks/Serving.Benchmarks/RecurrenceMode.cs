using System.Diagnostics;
using System.Globalization;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks;

/// <summary>
/// The convolution and the delta rule of a model's layers that remember, on the native backend and nothing around them: sequences with a row each, and sequences with many. Beside
/// them what a step must at least do: read and write every state once, at the rate of the machine's memory, and seven operations for an element of the state and row, at its peak of multiply-adds.
/// </summary>
internal static class RecurrenceMode
{
    private const int Layers = 12;
    private const int Taps = 4;
    private const int MaxRows = 512;
    private const int MaxSequences = 64;

    /// <summary>Qwen3-Next's.</summary>
    private static readonly DeltaRuleHeads Heads = new(16, 32, 128, 128);

    private static readonly (int Sequences, int Rows)[] Steps = [(1, 1), (8, 1), (64, 1), (1, 64), (1, 512), (8, 64)];

    private static int Keys => Heads.KeyHeads * Heads.KeySize;

    private static int Values => Heads.ValueHeads * Heads.ValueSize;

    private static int Columns => (2 * Keys) + Values;

    private static long StateFloats => ((Taps - 1L) * Columns) + ((long)Values * Heads.KeySize);

    /// <summary>Arguments: <c>--threads N</c>, <c>--isa NAME</c>.</summary>
    public static void Run(string[] args)
    {
        double[]? around = null;
        foreach (var (name, convolves, remembers) in new[] { ("nothing", false, false), ("convolution", true, false), ("delta rule", false, true) })
        {
            var program = Program(convolves, remembers);
            var isa = Option(args, "--isa") ?? CpuBackendOptions.AutomaticInstructionSet;
            using var backend = new CpuBackend(program, new CpuBackendOptions { InstructionSet = isa, Threads = int.Parse(Option(args, "--threads") ?? "0", CultureInfo.InvariantCulture) });
            Cuda.BenchmarkShape.LoadWeights(backend, program);
            var limits = new StepLimits(MaxRows, MaxSequences, MaxSequences, MaxRows);
            backend.AllocatePool(new PoolShape((2 * MaxSequences * program.Shape.StatePages) + MaxRows, program.Shape.PageBytes, 1), limits);
            var results = new StepOutputs(limits, program.Shape.VocabularySize);
            double[] seconds = [.. Steps.Select(step => Best(backend, Step(program, step.Sequences, step.Rows), results))];
            around ??= seconds;
            for (var i = 0; i < Steps.Length && (convolves || remembers); i++)
            {
                Print($"{backend.InstructionSet}, {backend.ThreadCount} threads, {name}", remembers, Steps[i], (seconds[i] - around[i]) / Layers, backend.ThreadCount);
            }
        }
    }

    private static void Print(string name, bool remembers, (int Sequences, int Rows) step, double seconds, int threads)
    {
        var (sequences, rows) = ((long)step.Sequences, (long)step.Sequences * step.Rows);
        var bytes = 2 * sizeof(float) * (remembers ? sequences * Values * Heads.KeySize : (sequences * (Taps - 1) * Columns) + (rows * Columns));
        var operations = rows * (remembers ? 7L * Values * Heads.KeySize : 2L * Taps * Columns);
        var memory = bytes / MemoryRate.Measure(Math.Max(bytes * Layers, 1 << 20), threads);
        var peak = operations / (FmaPeak.Measure(threads) * 1e9);
        var bounds = $"its bytes at the rate of memory {memory * 1e6,7:F1} us, its operations at the peak {peak * 1e6,8:F1} us";
        Console.WriteLine($"{name}, {step.Sequences,2} x {step.Rows,3} rows: {seconds * 1e6,9:F1} us a layer; {bounds}");
    }

    private static double Best(CpuBackend backend, StepInputs inputs, StepOutputs results)
    {
        // The first one writes to pages that nobody has touched.
        backend.Execute(inputs, results);
        var best = double.MaxValue;
        for (var total = Stopwatch.StartNew(); total.ElapsedMilliseconds < 1000;)
        {
            var start = Stopwatch.GetTimestamp();
            backend.Execute(inputs, results);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static StepInputs Step(ModelProgram program, int sequences, int rows)
    {
        var inputs = new StepInputs();
        for (var page = 0; page < 2 * sequences * program.Shape.StatePages; page++)
        {
            inputs.AddStatePage(page);
        }

        for (var sequence = 0; sequence < sequences; sequence++)
        {
            var (firstEntry, version) = (inputs.EntryCount, 2 * sequence * program.Shape.StatePages);
            for (var row = 0; row < rows; row++)
            {
                var page = (2 * MaxSequences * program.Shape.StatePages) + (sequence * rows / ModelShape.PageTokens) + sequence + (row / ModelShape.PageTokens);
                inputs.AddRow(row % program.Shape.VocabularySize, row, page, row % ModelShape.PageTokens);
                if (row % ModelShape.PageTokens == 0)
                {
                    inputs.AddEntry(page, Math.Min(ModelShape.PageTokens, rows - row));
                }
            }

            inputs.AddSequence(new StepSequence
            {
                FirstRow = sequence * rows,
                RowCount = rows,
                FirstEntry = firstEntry,
                EntryCount = inputs.EntryCount - firstEntry,
                StateRead = version,
                StateWrite = version + program.Shape.StatePages,
            });
        }

        inputs.AddSegment(0, sequences * rows, -1);
        return inputs;
    }

    /// <summary>Layers that read the same rows and have states of their own.</summary>
    private static ModelProgram Program(bool convolves, bool remembers)
    {
        ProgramBuffer[] buffers =
        [
            new("mixed", Columns + Values, BufferElement.Float32, BufferRows.Step),
            new("convolved", Columns, BufferElement.Float32, BufferRows.Step),
            new("rates", 2 * Heads.ValueHeads, BufferElement.Float32, BufferRows.Step),
            new("remembered", Values, BufferElement.BFloat16, BufferRows.Step),
        ];
        WeightSpec[] weights =
        [
            Rows(0, "mixed", Columns + Values), Rows(1, "convolved", Columns), Rows(2, "rates", 2 * Heads.ValueHeads),
            Floats(3, "taps", Taps * Columns), Floats(4, "rate", Heads.ValueHeads), Floats(5, "bias", Heads.ValueHeads), Floats(6, "norm", Heads.ValueSize),
        ];
        var ops = new List<ProgramOp> { new EmbedOp(0, 0), new EmbedOp(1, 1), new EmbedOp(2, 2) };
        for (var layer = 0; layer < Layers; layer++)
        {
            var state = layer * StateFloats * sizeof(float);
            if (convolves)
            {
                ops.Add(new ConvolutionOp(0, 0, 1, 3, null, Taps, Silu: true, state));
            }

            if (remembers)
            {
                ops.Add(new DeltaRuleOp(1, 0, Columns, 2, 3, 4, 5, 6, 1e-6f, Heads, state + ((Taps - 1L) * Columns * sizeof(float))));
            }
        }

        // A page as one of the model's: four layers of two key heads of 256.
        var shape = new ModelShape(Columns, 64, Layers, 2, 2, 256, 64) { KvLayerCount = Layers / 3, StateBytes = Layers * StateFloats * sizeof(float) };
        return new ModelProgram("recurrence", shape, RopeTable.Create(MaxRows, new double[128]), buffers, weights, [], ops);

        static WeightSpec Rows(int index, string name, int columns) => new(index, name, 64, columns, WeightKind.Embedding, []);

        static WeightSpec Floats(int index, string name, int length) => new(index, name, 1, length, WeightKind.Vector, []) { Format = WeightFormat.Float32 };
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

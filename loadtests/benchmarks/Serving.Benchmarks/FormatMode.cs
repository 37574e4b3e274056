using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>
/// One model with its matrices in bf16, in eight and in four bits, and with those that stay at the checkpoint's four bits, on the native backend: decode of 1, 8 and 32 streams and prefill, in turns, beside the bytes of weights that a
/// step reads and the rate at which the machine's memory gives as many bytes when they are only added up.
/// </summary>
internal static class FormatMode
{
    private const int Turns = 3;
    private const int MillisecondsPerTurn = 400;
    private const int Sequences = 32;
    private const int Context = 32;  // short, as filling all sequences of a large model takes minutes otherwise
    private const int Prompt = 256;

    /// <summary>Arguments: <c>--model DIR</c> (weights and all; the bundled model by default) or <c>--config FILE</c> (random weights in its shape), <c>--threads N</c>, <c>--isa NAME</c>.</summary>
    public static void Run(string[] args)
    {
        var threads = int.Parse(Option(args, "--threads") ?? "0");
        var isa = Option(args, "--isa") ?? CpuBackendOptions.AutomaticInstructionSet;
        var folder = Option(args, "--config") is null ? Option(args, "--model") ?? Path.Combine("config", "models", "demo", "model") : null;
        var config = folder is null ? ModelConfig.Parse(File.ReadAllBytes(Option(args, "--config")!)) : ModelFolder.Open(folder).Config;
        var program = ModelRegistry.Build("model", config, 2048);
        using var checkpoint = folder is null ? null : Checkpoint.Open(folder);
        var scheme = folder is null ? null : WeightSchemes.Of(ModelFolder.Open(folder));
        var variants = VariantsOf(program, checkpoint, scheme).ToArray();
        var backends = variants.Select(variant => Load(variant, checkpoint, scheme, isa, threads)).ToArray();
        var bytes = backends.Select(backend => program.Weights.Where(weight => IsRead(program, weight)).Sum(weight => backend.PackedBytes(weight.Index))).ToArray();
        var sessions = backends.Select(backend => new StepSession(backend, program, [], Sequences, Context, Prompt)).ToArray();
        Console.WriteLine($"{backends[0].Name} {backends[0].InstructionSet}, {backends[0].ThreadCount} threads, {program.Weights.Sum(weight => (long)weight.Rows * weight.Columns) / 1e6:F0} M parameters");
        var rate = MemoryRate.Measure(bytes.Max(), backends[0].ThreadCount);
        foreach (var streams in new[] { 1, 8, Sequences })
        {
            Report($"decode of {streams} streams", streams, variants, bytes, rate, [.. sessions.Select(session => session.Decode(streams, _ => -1))]);
        }

        Report($"prefill of {Prompt} tokens", Prompt, variants, bytes, rate, [.. sessions.Select(session => session.Prompt(Prompt, -1))]);
        Array.ForEach(backends, backend => backend.Dispose());
    }

    /// <summary>Each format, and of a checkpoint at four bits the formats of integers with what stays so and without.</summary>
    private static IEnumerable<(string Name, ModelProgram Program)> VariantsOf(ModelProgram program, Checkpoint? checkpoint, WeightScheme? scheme)
    {
        foreach (var format in new[] { WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Int4 })
        {
            var asked = ProgramQuantization.Apply(program, format);
            var kept = checkpoint is null ? asked : StoredFormats.Keep(asked, checkpoint, scheme);
            yield return ($"{format}", asked);
            if (kept.Weights.Zip(asked.Weights).FirstOrDefault(pair => pair.First.Format != pair.Second.Format).First is { } stays)
            {
                yield return ($"{format} and {stays.Format}", kept);
            }
        }
    }

    private static IComputeBackend Load((string Name, ModelProgram Program) variant, Checkpoint? checkpoint, WeightScheme? scheme, string isa, int threads)
    {
        var program = variant.Program;
        var backend = new CpuBackend(program, new CpuBackendOptions { InstructionSet = isa, Threads = threads });
        var start = Stopwatch.GetTimestamp();
        if (checkpoint is null)
        {
            Cuda.BenchmarkShape.LoadWeights(backend, program);
        }
        else
        {
            WeightLoader.Load(backend, program, checkpoint, scheme);
        }

        Console.WriteLine($"{variant.Name}: loaded in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, {program.Weights.Sum(weight => backend.PackedBytes(weight.Index)) / 1e9:F3} GB");
        return backend;
    }

    /// <summary>A step reads every weight but an embedding that only ids look up.</summary>
    private static bool IsRead(ModelProgram program, WeightSpec weight) => weight.Kind != WeightKind.Embedding || program.Ops.OfType<LogitsOp>().Any(op => op.Weight == weight.Index);

    private static void Report(string what, int tokens, (string Name, ModelProgram Program)[] variants, long[] bytes, double rate, Action[] steps)
    {
        var best = steps.Select(_ => double.MaxValue).ToArray();
        for (var turn = 0; turn < Turns * steps.Length; turn++)
        {
            var i = turn % steps.Length;
            best[i] = Math.Min(best[i], StepSession.Best(steps[i], MillisecondsPerTurn));
        }

        for (var i = 0; i < steps.Length; i++)
        {
            Console.WriteLine($"{what}, {variants[i].Name,-14}: {tokens / best[i],9:F1} tokens/s ({best[i] * 1e3,8:F3} ms), {best[0] / best[i],5:F2} x bf16; all weights alone at the rate of memory {bytes[i] / rate * 1e3,8:F3} ms");
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

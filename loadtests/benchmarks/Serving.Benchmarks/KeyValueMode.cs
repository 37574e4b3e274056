using System.Globalization;
using System.Text;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>
/// One model with its keys and values in bf16 and in eight bits, on the native backend: decode of some streams behind a long context, and the last chunk of a prompt, in turns, beside the bytes that a step reads and the rate at which the
/// machine's memory gives as many when they are only added up. What attention takes of a step is its time beyond that of a step behind one page.
/// </summary>
internal static class KeyValueMode
{
    private const int Turns = 16;
    private const int MillisecondsPerTurn = 120;
    private const int Positions = 32768;
    private const int ChunkRows = 64;

    /// <summary>Four layers of Llama 3.2 1B's shape, with fewer words.</summary>
    private const string Config = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":2048,"intermediate_size":8192,"num_hidden_layers":4,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,
        "vocab_size":8192,"max_position_embeddings":32768,"rms_norm_eps":1e-5,"rope_theta":500000,"hidden_act":"silu","tie_word_embeddings":true}
        """;

    private static readonly KeyValueFormat[] Formats = [KeyValueFormat.BFloat16, KeyValueFormat.Int8];

    /// <summary>
    /// Arguments: <c>--model DIR</c> (weights and all) or <c>--config FILE</c> (random weights in its shape; four layers of Llama 3.2 1B's by default), <c>--threads N</c>, <c>--isa NAME</c>,
    /// <c>--context N</c> (4096), <c>--streams N,N…</c> (1,4,8).
    /// </summary>
    public static void Run(string[] args)
    {
        var context = int.Parse(Option(args, "--context") ?? "4096", CultureInfo.InvariantCulture);
        int[] streams = [.. (Option(args, "--streams") ?? "1,4,8").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        ModelProgram[] programs = [.. Formats.Select(format => Program(args, format))];
        IComputeBackend[] backends = [.. programs.Select(program => Load(program, args))];
        var sessions = backends.Zip(programs, (backend, program) => new StepSession(backend, program, [], streams.Max(), context, copies: true)).ToArray();
        var weights = programs[0].Weights.Where(weight => weight.Kind != WeightKind.Embedding || programs[0].Ops.OfType<LogitsOp>().Any(op => op.Weight == weight.Index)).Sum(weight => backends[0].PackedBytes(weight.Index));
        Console.WriteLine($"{backends[0].Name} {backends[0].InstructionSet}, {backends[0].ThreadCount} threads, weights {weights / 1e6:F0} MB, context {context}, a token of keys and values {string.Join(" and ", programs.Select(BytesOfToken))} bytes");
        var rate = MemoryRate.Measure(Math.Max(weights, streams.Max() * context * BytesOfToken(programs[0])), backends[0].ThreadCount);
        foreach (var count in streams)
        {
            var all = Best([.. sessions.SelectMany(session => new[] { session.Decode(count, _ => -1), session.Decode(count, _ => -1, ModelShape.PageTokens) })]);
            for (var i = 0; i < Formats.Length; i++)
            {
                var (step, attention, read) = (all[2 * i], all[2 * i] - all[(2 * i) + 1], count * context * BytesOfToken(programs[i]));
                Console.WriteLine($"{count,2} streams, {Formats[i],-8}: step {step * 1e3,8:F2} ms ({all[0] / step:F2} x bf16), attention {attention * 1e3,8:F2} ms ({(all[0] - all[1]) / attention:F2} x), {read / 1e6,6:F0} MB of keys and values at {read / attention / 1e9,5:F1} GB/s; all bytes of the step at the rate of memory {(weights + read) / rate * 1e3,8:F2} ms");
            }
        }

        var chunks = Best([.. sessions.Select(session => session.Chunk(ChunkRows))]);
        Console.WriteLine($"the last {ChunkRows} tokens of a prompt of {context}: {string.Join(", ", Formats.Select((format, i) => $"{format} {chunks[i] * 1e3:F1} ms ({chunks[0] / chunks[i]:F2} x bf16)"))}");
        Array.ForEach(backends, backend => backend.Dispose());
    }

    private static ModelProgram Program(string[] args, KeyValueFormat format)
    {
        var config = Option(args, "--model") is { } folder ? ModelFolder.Open(folder).Config
            : ModelConfig.Parse(Option(args, "--config") is { } file ? File.ReadAllBytes(file) : Encoding.UTF8.GetBytes(Config));
        var program = ModelRegistry.Build("model", config, Math.Min(config.MaxPositions, Positions));
        return program with { Shape = program.Shape with { KeyValues = format } };
    }

    private static IComputeBackend Load(ModelProgram program, string[] args)
    {
        var isa = Option(args, "--isa") ?? CpuBackendOptions.AutomaticInstructionSet;
        var backend = new CpuBackend(program, new CpuBackendOptions { InstructionSet = isa, Threads = int.Parse(Option(args, "--threads") ?? "0", CultureInfo.InvariantCulture) });
        if (Option(args, "--model") is { } folder)
        {
            WeightLoader.Load(backend, program, folder);
        }
        else
        {
            Cuda.BenchmarkShape.LoadWeights(backend, program);
        }

        return backend;
    }

    /// <summary>What a token takes of a page, without the page's rounding.</summary>
    private static long BytesOfToken(ModelProgram program)
    {
        var shape = program.Shape;
        return 2L * shape.LayerCount * shape.KvHeadCount * (shape.KeyValues == KeyValueFormat.Int8 ? shape.HeadSize + sizeof(float) : shape.HeadSize * sizeof(ushort));
    }

    private static double[] Best(Action[] steps)
    {
        var best = steps.Select(_ => double.MaxValue).ToArray();
        for (var turn = 0; turn < Turns * steps.Length; turn++)
        {
            var i = turn % steps.Length;
            best[i] = Math.Min(best[i], StepSession.Best(steps[i], MillisecondsPerTurn));
        }

        return best;
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Engine.Loading;
using Serving.Engine.Models;

namespace Serving.Benchmarks;

/// <summary>
/// The native backend, with every instruction set that runs here, beside the managed one: decode of 1, 8 and 32 streams with six adapters of ranks 4 to 64, and prefill.
/// The backends take turns within each line, so that what else the machine does meets all of them.
/// </summary>
internal static class CompareMode
{
    private const int Turns = 4;
    private const int MillisecondsPerTurn = 250;

    private static readonly int[] Ranks = [8, 16, 16, 32, 4, 64];

    /// <summary>Arguments: <c>--model DIR</c> (the bundled model by default), <c>--threads N</c>.</summary>
    public static void Run(string[] args)
    {
        var folder = ModelFolder.Open(Option(args, "--model") ?? Path.Combine("config", "models", "demo", "model"));
        var program = ModelRegistry.Build("model", folder.Config, 2048);
        var threads = int.Parse(Option(args, "--threads") ?? "0");
        var backends = new List<IComputeBackend> { new ManagedBackend(program, new ManagedBackendOptions { Threads = Math.Min(threads, ManagedBackendOptions.MaxThreads) }) };
        backends.AddRange(CpuBackend.SupportedInstructionSets.Where(set => set != "amx-emulated")
            .Select(set => new CpuBackend(program, new CpuBackendOptions { InstructionSet = set, Threads = threads })));
        var sessions = backends.Select(backend => Load(backend, program, folder.Path)).ToArray();
        foreach (var streams in new[] { 1, 8, 32 })
        {
            Report($"decode of {streams} streams", streams, backends, [.. sessions.Select(session => session.Decode(streams, i => i * Ranks.Length / streams))]);
        }

        Report($"prefill of {StepSession.Context} tokens", StepSession.Context, backends, [.. sessions.Select(session => (Action)(() => session.Prefill(0)))]);
        backends.ForEach(backend => backend.Dispose());
    }

    private static StepSession Load(IComputeBackend backend, ModelProgram program, string folder)
    {
        WeightLoader.Load(backend, program, folder);
        return new StepSession(backend, program, slot => Ranks[slot % Ranks.Length]);
    }

    private static void Report(string what, int tokens, List<IComputeBackend> backends, Action[] steps)
    {
        var best = steps.Select(_ => double.MaxValue).ToArray();
        for (var turn = 0; turn < Turns * steps.Length; turn++)
        {
            var i = turn % steps.Length;
            best[i] = Math.Min(best[i], StepSession.Best(steps[i], MillisecondsPerTurn));
        }

        for (var i = 0; i < steps.Length; i++)
        {
            var name = $"{backends[i].Name} {backends[i].InstructionSet}, {backends[i].ThreadCount} threads";
            Console.WriteLine($"{what}: {name,-32} {tokens / best[i],9:F0} tokens/s ({best[i] * 1e3,7:F3} ms), {best[0] / best[i],5:F2} x managed");
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

using Serving.Compute.Cpu;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;

namespace Serving.Benchmarks;

/// <summary>
/// Time to the first token on the native backend, with random weights in the shape of a model of 135 million parameters: eight prompt modules of 250 tokens and 32 new ones, beside the same number
/// of tokens computed as a whole and found in the prefix cache. The cases take turns, so that what else the machine does meets all of them.
/// </summary>
internal static class ModuleMode
{
    private const int Modules = 8;
    private const int ModuleTokens = 250;
    private const int NewTokens = 32;
    private const int Turns = 5;
    private const int Vocabulary = 49152;

    private static readonly Tenant Tenant = new(new TenantId("benchmark"), 1, Digest.None, new TenantLimits(int.MaxValue, long.MaxValue));
    private static int _last;

    /// <summary>Arguments: <c>--threads N</c>, <c>--isa NAME</c>.</summary>
    public static void Run(string[] args)
    {
        using var backend = new CpuBackend(ModuleSession.Program(Vocabulary), new CpuBackendOptions { InstructionSet = Option(args, "--isa") ?? "auto", Threads = int.Parse(Option(args, "--threads") ?? "0") });
        var session = new ModuleSession(backend, Vocabulary);
        var modules = Enumerable.Range(0, Modules).Select(Module).ToArray();
        var shared = Tokens(Modules * ModuleTokens);
        session.TimeToFirstToken(Importing(modules), computes: true);
        session.TimeToFirstToken(Plain(shared), computes: true);
        var cases = new (string Name, Action Prepare, Func<Request> Request)[]
        {
            ("no cache", () => { }, () => Plain(Tokens(Modules * ModuleTokens))),
            ("prefix hit", () => { }, () => Plain(shared)),
            ("modules resident", () => { }, () => Importing(modules)),
            ("modules from host memory", session.Evict, () => Importing(modules)),
        };
        var times = cases.Select(_ => new List<double>()).ToArray();
        for (var turn = 0; turn < Turns; turn++)
        {
            for (var i = 0; i < cases.Length; i++)
            {
                // What a case needs is brought back first: the others may have displaced it.
                if (i is 1 or 2)
                {
                    session.TimeToFirstToken(cases[i].Request(), computes: true);
                }

                cases[i].Prepare();
                times[i].Add(session.TimeToFirstToken(cases[i].Request(), computes: true));
            }
        }

        var medians = times.Select(all => all.Order().ElementAt(Turns / 2)).ToArray();
        Console.WriteLine($"cpu {backend.InstructionSet}, {backend.ThreadCount} threads, {Modules} modules of {ModuleTokens} tokens + {NewTokens} new, median of {Turns}");
        for (var i = 0; i < cases.Length; i++)
        {
            Console.WriteLine($"{cases[i].Name,-26} {medians[i] * 1e3,9:F1} ms, {medians[0] / medians[i],6:F1} x faster than no cache, {medians[i] / medians[1],5:F2} x a prefix hit");
        }

        Console.WriteLine(session.Summary);
    }

    private static ModuleRef Module(int number)
    {
        var tokens = Tokens(ModuleTokens);
        int[] positions = [.. Enumerable.Range(number * ModuleTokens, ModuleTokens)];
        return new ModuleRef { Key = ModuleKeys.Of(Digest.None, [], tokens, positions), Tokens = tokens, Positions = positions, Context = [] };
    }

    private static Request Importing(ModuleRef[] modules) => Plain([.. modules.SelectMany(module => module.Tokens)]) with { Imports = modules };

    private static Request Plain(int[] beginning) => new()
    {
        Id = new RequestId(++_last),
        Tenant = Tenant,
        Prompt = [.. beginning, .. Tokens(NewTokens)],
        Sampling = new SamplingParameters { MaxTokens = 1, Temperature = 0 },
    };

    private static int[] Tokens(int count)
    {
        var random = new Random(++_last * 7919);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}

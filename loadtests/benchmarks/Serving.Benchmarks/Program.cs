namespace Serving.Benchmarks;

/// <summary>Runs one benchmark: the first argument is its name, the rest are its own.</summary>
internal static class Program
{
    private static readonly Dictionary<string, (string Help, Action<string[]> Run)> Modes = new()
    {
        ["gemm"] = ("[INPUTS OUTPUTS [THREADS]]  rate of Linear at 1, 8 and 64 rows beside the fp32 multiply-add peak", GemmMode.Run),
        ["compare"] = ("[--model DIR] [--threads N]  decode and prefill on the native backend beside the managed one, in turns", CompareMode.Run),
        ["cells"] = ("[ADAPTERS [ROUNDS]]  rate of cutting adapters of the 8B shape into cells for a GPU's host cache, beside copies of the same bytes", CellsMode.Run),
        ["constraints"] = ("MODEL SCHEMAS [COUNT]  time of compiling JSON Schemas, and of finding which tokens may come next", ConstraintMode.Run),
        ["cuda"] = ("[--json FILE] [--shape 8b|tiny] [--device N] [--rows GLOB,...] [--limit SECONDS]  a GPU's attention, steps, adapters and traffic beside the bandwidth and matrix rate measured in the run", CudaMode.Run),
        ["cuda-products"] = ("[--shape 8b|tiny]  cuBLASLt's candidates for every product, with their times", CudaProductsMode.Run),
        ["cuda-profile"] = ("[--shape 8b|tiny]  single steps of two layers on a GPU, for ncu --profile-from-start off", CudaProfileMode.Run),
        ["drafts"] = ("[--model DIR] [--threads N] [--isa NAME] [--rounds N] [--tokens N] [--streams N,N]  tokens per second with tokens guessed ahead and without, in turns", DraftMode.Run),
        ["formats"] = ("[--model DIR | --config FILE] [--threads N] [--isa NAME]  decode and prefill with matrices in bf16, int8 and int4, in turns", FormatMode.Run),
        ["kv-cache"] = ("[--model DIR | --config FILE] [--threads N] [--isa NAME] [--context N] [--streams N,N]  decode at long context with keys and values in bf16 and in int8, in turns", KeyValueMode.Run),
        ["modules"] = ("[--threads N] [--isa NAME]  time to the first token with prompt modules: none cached, prefix hit, resident, from host memory", ModuleMode.Run),
        ["module-quality"] = ("[--questions N] [--device NAME]  right answers about documents with and without prompt modules, base and adapters", ModuleQuality.QualityMode.Run),
        ["recurrence"] = ("[--threads N] [--isa NAME]  convolution and delta rule of Qwen3-Next's layers on the native backend, beside memory's rate and the multiply-add peak", RecurrenceMode.Run),
        ["step"] = ("[--model DIR] [--threads N]  tokens per second of decode and prefill, with and without adapters", StepMode.Run),
        ["tokenizer"] = ("MODEL TEXT  megabytes per second of encoding on one core, time per token of decoding, hostile texts", TokenizerMode.Run),
    };

    public static int Main(string[] args)
    {
        if (args.Length > 0 && Modes.TryGetValue(args[0], out var mode))
        {
            mode.Run(args[1..]);
            return 0;
        }

        foreach (var (name, (help, _)) in Modes)
        {
            Console.WriteLine($"{name} {help}");
        }

        return 2;
    }
}

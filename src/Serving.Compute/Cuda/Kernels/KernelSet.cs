using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>The kernels that the backend launches, found in a module by their names.</summary>
internal sealed class KernelSet
{
    /// <summary>SRV_SAMPLE_SHARED.</summary>
    public const int SampleSharedBytes = 20480;

    /// <summary>Finds all of them.</summary>
    /// <exception cref="CudaException">One is missing.</exception>
    public KernelSet(CudaModule module)
    {
        Embed = Find(module, "srv_embed", 128);
        RmsNorm = Find(module, "srv_rms_norm", 256, 64);
        SiluMul = Find(module, "srv_silu_mul", 256);
        Gather = Find(module, "srv_gather", 128);
        TokenSlots = Find(module, "srv_token_slots", 256, 64);
        CopyPages = Find(module, "srv_copy_pages", 256);
        RopeAppend = Find(module, "srv_rope_append", 128);
        Attention = Find(module, "srv_attention_plain", 128, 2048);
        AttentionMerge = Find(module, "srv_attention_merge", 128);
        Shrink = Find(module, "srv_lora_shrink_plain", 128);
        Finish = Find(module, "srv_linear_finish_plain", 128, 4096);
        Sample = Find(module, "srv_sample", 256, SampleSharedBytes);
    }

    /// <summary>Token ids to residual rows.</summary>
    public StepKernel Embed { get; }

    /// <summary>RMSNorm.</summary>
    public StepKernel RmsNorm { get; }

    /// <summary>SiLU·mul.</summary>
    public StepKernel SiluMul { get; }

    /// <summary>Rows that have outputs.</summary>
    public StepKernel Gather { get; }

    /// <summary>Page tables to slots by ordinal.</summary>
    public StepKernel TokenSlots { get; }

    /// <summary>Page copies.</summary>
    public StepKernel CopyPages { get; }

    /// <summary>Head norms, rotation, append.</summary>
    public StepKernel RopeAppend { get; }

    /// <summary>Attention of whole rows, or of splits.</summary>
    public StepKernel Attention { get; }

    /// <summary>Splits joined.</summary>
    public StepKernel AttentionMerge { get; }

    /// <summary>x·Aᵀ.</summary>
    public StepKernel Shrink { get; }

    /// <summary>A Linear's end: bias, delta, rounding or accumulation.</summary>
    public StepKernel Finish { get; }

    /// <summary>Sampling and logprobs.</summary>
    public StepKernel Sample { get; }

    private static StepKernel Find(CudaModule module, string name, int threads, int sharedBytes = 0)
    {
        var kernel = module.GetKernel(name);
        kernel.AllowSharedBytes(sharedBytes);
        return new StepKernel(kernel, threads, sharedBytes);
    }
}

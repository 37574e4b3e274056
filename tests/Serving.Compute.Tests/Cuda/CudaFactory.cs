using Serving.Compute.Cuda;
using Serving.Compute.Tests.Contracts;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Makes CUDA backends on the emulated driver for the contracts; a test skips where the emulator was not built.</summary>
internal static class CudaFactory
{
    /// <summary>The device of the backends that a thread makes.</summary>
    [ThreadStatic]
    private static int _device;

    /// <summary>As a daemon runs by itself.</summary>
    public static BackendFactory Default { get; } = Of("cuda", new CudaBackendOptions());

    /// <summary>One algorithm per shape.</summary>
    public static BackendFactory Deterministic { get; } = Of("cuda deterministic", new CudaBackendOptions { Deterministic = true });

    /// <summary>Launch by launch.</summary>
    public static BackendFactory Eager { get; } = Of("cuda eager", new CudaBackendOptions { Eager = true, Deterministic = true });

    /// <summary>Every op its own kernels.</summary>
    public static BackendFactory Unfused { get; } = Of("cuda unfused", new CudaBackendOptions { Unfused = true, Deterministic = true });

    /// <summary>Shrinks before the base products.</summary>
    public static BackendFactory OneStream { get; } = Of("cuda one stream", new CudaBackendOptions { OneStream = true, Deterministic = true });

    /// <summary>Products of few rows by the kernel of our own.</summary>
    public static BackendFactory OwnProducts { get; } = Of("cuda own products", new CudaBackendOptions { FewRowProducts = FewRowProducts.Own });

    /// <summary>The same, every kernel behind the end of the one before.</summary>
    public static BackendFactory OwnProductsInTurn { get; } = Of("cuda own products in turn", new CudaBackendOptions { FewRowProducts = FewRowProducts.Own, EarlyLaunches = false });

    /// <summary>The same, launch by launch, each as early as it may.</summary>
    public static BackendFactory OwnProductsEager { get; } = Of("cuda own products eager", new CudaBackendOptions { FewRowProducts = FewRowProducts.Own, Eager = true });

    /// <summary>Products of few rows by what was faster when it was tried.</summary>
    public static BackendFactory MeasuredProducts { get; } = Of("cuda measured products", new CudaBackendOptions { FewRowProducts = FewRowProducts.Measured });

    /// <summary>One algorithm per shape; matrices of integers decoded in slabs of 64 outputs or a few times as many.</summary>
    public static BackendFactory Slabs { get; } = Of("cuda slabs", new CudaBackendOptions { Deterministic = true, DecodedBytes = 100_000 });

    /// <summary>Without tensor cores and recordings.</summary>
    public static BackendFactory Plain { get; } = Of("cuda plain", new CudaBackendOptions { PlainKernels = true, Eager = true, Deterministic = true });

    /// <summary>Attention of few rows in pieces of so many splits at most; null to choose.</summary>
    public static BackendFactory InPieces(int? splits) => Of("cuda in pieces", new CudaBackendOptions { AttentionPieces = splits, Deterministic = true });

    /// <summary>Runs each on an emulated device of its own, at the same time: steps of one row leave all but one processor idle.</summary>
    public static void RunBeside(Action[] actions)
    {
        if (CudaEmulator.UsesGpu)
        {
            Array.ForEach(actions, action => action());
            return;
        }

        System.Threading.Tasks.Parallel.For(0, actions.Length, device =>
        {
            _device = device;
            try
            {
                actions[device]();
            }
            finally
            {
                _device = 0;
            }
        });
    }

    private static BackendFactory Of(string name, CudaBackendOptions options) => new(name, true, program =>
    {
        CudaEmulator.Require();
        return new CudaBackend(program, KernelImages.In(options) with { Ordinal = _device });
    });
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>The functions of libcublasLt that are used.</summary>
internal static unsafe partial class CublasLtApi
{
    /// <summary>Name that <see cref="CudaLibraries"/> maps to the loaded library.</summary>
    public const string Library = "cublasLt";

    [LibraryImport(Library, EntryPoint = "cublasLtCreate")]
    public static partial CublasStatus Create(out nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtDestroy")]
    public static partial CublasStatus Destroy(nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescCreate")]
    public static partial CublasStatus MatmulDescCreate(out nint description, int computeType, int scaleType);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescSetAttribute")]
    public static partial CublasStatus MatmulDescSetAttribute(nint description, int attribute, void* value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescDestroy")]
    public static partial CublasStatus MatmulDescDestroy(nint description);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutCreate")]
    public static partial CublasStatus MatrixLayoutCreate(out nint layout, CudaDataType type, ulong rows, ulong columns, long stride);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutSetAttribute")]
    public static partial CublasStatus MatrixLayoutSetAttribute(nint layout, int attribute, void* value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutDestroy")]
    public static partial CublasStatus MatrixLayoutDestroy(nint layout);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceCreate")]
    public static partial CublasStatus MatmulPreferenceCreate(out nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceSetAttribute")]
    public static partial CublasStatus MatmulPreferenceSetAttribute(nint preference, int attribute, void* value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceDestroy")]
    public static partial CublasStatus MatmulPreferenceDestroy(nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulAlgoGetHeuristic")]
    public static partial CublasStatus MatmulAlgoGetHeuristic(
        nint handle, nint description, nint a, nint b, nint c, nint d, nint preference, int wanted, MatmulHeuristic* results, out int found);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulAlgoCheck")]
    public static partial CublasStatus MatmulAlgoCheck(
        nint handle, nint description, nint a, nint b, nint c, nint d, MatmulAlgorithm* algorithm, MatmulHeuristic* result);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulAlgoConfigGetAttribute")]
    public static partial CublasStatus MatmulAlgoConfigGetAttribute(MatmulAlgorithm* algorithm, int attribute, void* value, nuint bytes, out nuint written);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmul")]
    public static partial CublasStatus Matmul(
        nint handle, nint description, float* alpha, ulong a, nint aLayout, ulong b, nint bLayout, float* beta, ulong c, nint cLayout, ulong d, nint dLayout,
        MatmulAlgorithm* algorithm, ulong workspace, nuint workspaceBytes, nint stream);
}

/// <summary>cublasStatus_t.</summary>
internal enum CublasStatus
{
    Success = 0,
    NotInitialized = 1,
    AllocFailed = 3,
    InvalidValue = 7,
    ArchitectureMismatch = 8,
    MappingError = 11,
    ExecutionFailed = 13,
    InternalError = 14,
    NotSupported = 15,
}

/// <summary>cudaDataType_t.</summary>
internal enum CudaDataType
{
    Float32 = 0,
    BFloat16 = 14,
}

/// <summary>cublasLtMatmulAlgo_t: opaque.</summary>
[InlineArray(8)]
internal struct MatmulAlgorithm
{
    private ulong _data;
}

/// <summary>cublasLtMatmulHeuristicResult_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MatmulHeuristic
{
    public MatmulAlgorithm Algorithm;
    public nuint WorkspaceBytes;
    public CublasStatus State;
    public float Waves;
    public int Reserved0;
    public int Reserved1;
    public int Reserved2;
    public int Reserved3;
}

/// <summary>Turns cuBLASLt's answers into exceptions.</summary>
internal static class CublasStatuses
{
    /// <summary>Returns when the call succeeded.</summary>
    /// <exception cref="CudaException">It did not.</exception>
    public static void ThrowIfFailed(this CublasStatus status, string call)
    {
        if (status != CublasStatus.Success)
        {
            throw new CudaException(call, $"CUBLAS_STATUS {status}", (int)status, isFatal: status == CublasStatus.ExecutionFailed);
        }
    }
}

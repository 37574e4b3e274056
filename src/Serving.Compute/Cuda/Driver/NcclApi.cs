using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>The functions of libnccl that are used.</summary>
internal static unsafe partial class NcclApi
{
    /// <summary>Name that <see cref="CudaLibraries"/> maps to the loaded library.</summary>
    public const string Library = "nccl";

    [LibraryImport(Library, EntryPoint = "ncclGetVersion")]
    public static partial NcclStatus GetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "ncclGetErrorString")]
    public static partial byte* GetErrorString(NcclStatus status);

    [LibraryImport(Library, EntryPoint = "ncclGetUniqueId")]
    public static partial NcclStatus GetUniqueId(out NcclUniqueId id);

    [LibraryImport(Library, EntryPoint = "ncclCommInitRank")]
    public static partial NcclStatus CommInitRank(out nint communicator, int ranks, NcclUniqueId id, int rank);

    [LibraryImport(Library, EntryPoint = "ncclCommDestroy")]
    public static partial NcclStatus CommDestroy(nint communicator);

    [LibraryImport(Library, EntryPoint = "ncclCommAbort")]
    public static partial NcclStatus CommAbort(nint communicator);

    [LibraryImport(Library, EntryPoint = "ncclCommGetAsyncError")]
    public static partial NcclStatus CommGetAsyncError(nint communicator, out NcclStatus status);

    [LibraryImport(Library, EntryPoint = "ncclAllReduce")]
    public static partial NcclStatus AllReduce(ulong send, ulong receive, nuint count, NcclDataType type, NcclReduction reduction, nint communicator, nint stream);

    [LibraryImport(Library, EntryPoint = "ncclAllGather")]
    public static partial NcclStatus AllGather(ulong send, ulong receive, nuint count, NcclDataType type, nint communicator, nint stream);

    /// <summary>NCCL's words for a code.</summary>
    public static string WordsOf(NcclStatus status) => GetErrorString(status) is var words && words is not null ? Marshal.PtrToStringUTF8((nint)words)! : "unknown error";
}

/// <summary>ncclResult_t.</summary>
internal enum NcclStatus
{
    Success = 0,
    UnhandledCudaError = 1,
    SystemError = 2,
    InternalError = 3,
    InvalidArgument = 4,
    InvalidUsage = 5,
    RemoteError = 6,
    InProgress = 7,
}

/// <summary>ncclDataType_t.</summary>
internal enum NcclDataType
{
    Float32 = 7,
}

/// <summary>ncclRedOp_t.</summary>
internal enum NcclReduction
{
    Sum = 0,
}

/// <summary>ncclUniqueId: by it the ranks of a communicator find each other.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NcclUniqueId
{
    private fixed ulong _data[16];
}

/// <summary>Turns NCCL's answers into exceptions.</summary>
internal static class NcclStatuses
{
    /// <summary>Returns when the call succeeded.</summary>
    /// <exception cref="CudaException">It did not.</exception>
    public static void ThrowIfFailed(this NcclStatus status, string call)
    {
        if (status != NcclStatus.Success)
        {
            // Only a wrong call leaves the communicator as it was.
            throw new CudaException(call, $"NCCL {status}", (int)status, isFatal: status is not (NcclStatus.InvalidArgument or NcclStatus.InvalidUsage), NcclApi.WordsOf(status));
        }
    }
}

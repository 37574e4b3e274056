using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>The functions of libcuda that are used, under their exported names. None calls back into managed code.</summary>
internal static unsafe partial class DriverApi
{
    /// <summary>Name that <see cref="CudaLibraries"/> maps to the loaded driver.</summary>
    public const string Library = "cuda";

    [LibraryImport(Library, EntryPoint = "cuInit")]
    public static partial CudaResult Init(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDriverGetVersion")]
    public static partial CudaResult DriverGetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "cuGetErrorName")]
    public static partial CudaResult GetErrorName(CudaResult error, out byte* name);

    [LibraryImport(Library, EntryPoint = "cuGetErrorString")]
    public static partial CudaResult GetErrorString(CudaResult error, out byte* text);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetCount")]
    public static partial CudaResult DeviceGetCount(out int count);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    public static partial CudaResult DeviceGet(out int device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetName")]
    public static partial CudaResult DeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetAttribute")]
    public static partial CudaResult DeviceGetAttribute(out int value, DeviceAttribute attribute, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")]
    public static partial CudaResult DeviceTotalMem(out nuint bytes, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRetain")]
    public static partial CudaResult DevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    public static partial CudaResult DevicePrimaryCtxRelease(int device);

    [LibraryImport(Library, EntryPoint = "cuCtxSetCurrent")]
    public static partial CudaResult CtxSetCurrent(nint context);

    [LibraryImport(Library, EntryPoint = "cuCtxSynchronize")]
    public static partial CudaResult CtxSynchronize();

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    public static partial CudaResult MemGetInfo(out nuint free, out nuint total);

    [LibraryImport(Library, EntryPoint = "cuModuleLoadDataEx")]
    public static partial CudaResult ModuleLoadDataEx(out nint module, byte* image, uint optionCount, JitOption* options, nint* values);

    [LibraryImport(Library, EntryPoint = "cuModuleUnload")]
    public static partial CudaResult ModuleUnload(nint module);

    [LibraryImport(Library, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    public static partial CudaResult ModuleGetFunction(out nint function, nint module, string name);

    [LibraryImport(Library, EntryPoint = "cuFuncSetAttribute")]
    public static partial CudaResult FuncSetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Library, EntryPoint = "cuFuncGetAttribute")]
    public static partial CudaResult FuncGetAttribute(out int value, FunctionAttribute attribute, nint function);

    [LibraryImport(Library, EntryPoint = "cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    public static partial CudaResult OccupancyMaxActiveBlocksPerMultiprocessor(out int blocks, nint function, int blockSize, nuint sharedBytes);

    [LibraryImport(Library, EntryPoint = "cuMemAlloc_v2")]
    public static partial CudaResult MemAlloc(out ulong address, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuMemFree_v2")]
    public static partial CudaResult MemFree(ulong address);

    [LibraryImport(Library, EntryPoint = "cuMemHostAlloc")]
    public static partial CudaResult MemHostAlloc(out nint pointer, nuint bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "cuMemFreeHost")]
    public static partial CudaResult MemFreeHost(nint pointer);

    [LibraryImport(Library, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    public static partial CudaResult MemcpyHtoDAsync(ulong destination, void* source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    public static partial CudaResult MemcpyDtoHAsync(void* destination, ulong source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    public static partial CudaResult MemcpyDtoDAsync(ulong destination, ulong source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemsetD8Async")]
    public static partial CudaResult MemsetD8Async(ulong destination, byte value, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamCreateWithPriority")]
    public static partial CudaResult StreamCreateWithPriority(out nint stream, uint flags, int priority);

    [LibraryImport(Library, EntryPoint = "cuStreamDestroy_v2")]
    public static partial CudaResult StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamSynchronize")]
    public static partial CudaResult StreamSynchronize(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamQuery")]
    public static partial CudaResult StreamQuery(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamWaitEvent")]
    public static partial CudaResult StreamWaitEvent(nint stream, nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventCreate")]
    public static partial CudaResult EventCreate(out nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventRecord")]
    public static partial CudaResult EventRecord(nint @event, nint stream);

    [LibraryImport(Library, EntryPoint = "cuEventQuery")]
    public static partial CudaResult EventQuery(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventSynchronize")]
    public static partial CudaResult EventSynchronize(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventElapsedTime")]
    public static partial CudaResult EventElapsedTime(out float milliseconds, nint start, nint end);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    public static partial CudaResult EventDestroy(nint @event);

    [LibraryImport(Library, EntryPoint = "cuLaunchKernelEx")]
    public static partial CudaResult LaunchKernelEx(LaunchConfiguration* configuration, nint function, void** parameters, void** extra);

    [LibraryImport(Library, EntryPoint = "cuStreamBeginCapture_v2")]
    public static partial CudaResult StreamBeginCapture(nint stream, CaptureMode mode);

    [LibraryImport(Library, EntryPoint = "cuStreamEndCapture")]
    public static partial CudaResult StreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library, EntryPoint = "cuGraphInstantiateWithFlags")]
    public static partial CudaResult GraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library, EntryPoint = "cuGraphLaunch")]
    public static partial CudaResult GraphLaunch(nint executable, nint stream);

    [LibraryImport(Library, EntryPoint = "cuGraphExecDestroy")]
    public static partial CudaResult GraphExecDestroy(nint executable);

    [LibraryImport(Library, EntryPoint = "cuGraphDestroy")]
    public static partial CudaResult GraphDestroy(nint graph);

    /// <summary>The driver's name of a code: CUDA_ERROR_ILLEGAL_ADDRESS.</summary>
    public static string NameOf(CudaResult result) =>
        GetErrorName(result, out var name) == CudaResult.Success && name is not null ? Marshal.PtrToStringUTF8((nint)name)! : "unknown error";

    /// <summary>The driver's words for a code that a call on this thread gave: "an illegal memory access was encountered"; empty where it has none.</summary>
    public static string TextOf(CudaResult result) =>
        GetErrorString(result, out var text) == CudaResult.Success && text is not null ? Marshal.PtrToStringUTF8((nint)text)! : string.Empty;
}

namespace Serving.Compute.Cuda.Driver;

/// <summary>CUdevice_attribute.</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedMemoryPerBlockOptin = 97,
}

/// <summary>CUfunction_attribute.</summary>
internal enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    LocalBytes = 3,
    RegisterCount = 4,
    MaxDynamicSharedBytes = 8,
}

/// <summary>CUjit_option.</summary>
internal enum JitOption
{
    ErrorLogBuffer = 5,
    ErrorLogBufferBytes = 6,
}

/// <summary>CUstreamCaptureMode: which calls of which threads a capture forbids meanwhile.</summary>
internal enum CaptureMode
{
    Global = 0,
    ThreadLocal = 1,
    Relaxed = 2,
}

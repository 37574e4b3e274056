namespace Serving.Compute.Cuda.Driver;

/// <summary>CUresult: the codes that the program tells apart. Any other number is carried as it is.</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    NoDevice = 100,
    InvalidDevice = 101,
    InvalidImage = 200,
    InvalidContext = 201,
    InvalidPtx = 218,
    UnsupportedPtxVersion = 222,
    InvalidHandle = 400,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchOutOfResources = 701,
    HardwareStackError = 714,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    InvalidAddressSpace = 717,
    InvalidProgramCounter = 718,
    LaunchFailed = 719,
    StreamCaptureInvalidated = 901,
}

/// <summary>Turns the driver's answers into exceptions.</summary>
internal static class CudaResults
{
    /// <summary>Returns when the call succeeded.</summary>
    /// <param name="result">The call's answer.</param>
    /// <param name="call">The function's name.</param>
    /// <exception cref="CudaException">It did not.</exception>
    public static void ThrowIfFailed(this CudaResult result, string call)
    {
        if (result != CudaResult.Success)
        {
            Throw(result, call);
        }
    }

    /// <summary>The error leaves the context unusable: every later call on it fails with the same code.</summary>
    public static bool IsSticky(this CudaResult result) => result is CudaResult.IllegalAddress or (>= CudaResult.HardwareStackError and <= CudaResult.LaunchFailed);

    // Out of the way of the check itself, which stands behind every launch.
    private static void Throw(CudaResult result, string call) => throw new CudaException(call, DriverApi.NameOf(result), (int)result, result.IsSticky(), DriverApi.TextOf(result));
}

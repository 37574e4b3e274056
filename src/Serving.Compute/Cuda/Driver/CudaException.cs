using System.Globalization;
using Serving.Compute.Backends;

namespace Serving.Compute.Cuda.Driver;

/// <summary>A call of the CUDA driver, cuBLASLt or NCCL failed.</summary>
public sealed class CudaException : ComputeException
{
    internal CudaException(string call, string codeName, int code, bool isFatal, string detail = "")
        : base(string.Create(CultureInfo.InvariantCulture, $"{call} failed: {codeName} ({code}){(detail.Length > 0 ? $": {detail}" : string.Empty)}"))
    {
        Call = call;
        CodeName = codeName;
        Code = code;
        IsFatal = isFatal;
    }

    /// <summary>The function that failed.</summary>
    public string Call { get; }

    /// <summary>The error's name as the library gives it.</summary>
    public string CodeName { get; }

    /// <summary>The error's number.</summary>
    public int Code { get; }

    /// <summary>The device's context is lost (700, 714 … 719): nothing on it works any more and the process must be replaced.</summary>
    public bool IsFatal { get; }
}

using System.Text;

namespace Serving.Compute.Cuda.Driver;

/// <summary>Kernels that the driver has compiled for the device.</summary>
internal sealed unsafe class CudaModule : CudaHandle
{
    private const int LogBytes = 8192;

    private CudaModule(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>Compiles PTX for the context's device.</summary>
    /// <param name="context">Where.</param>
    /// <param name="image">PTX as text, or another image that the driver takes.</param>
    /// <exception cref="CudaException">It does not compile; the message carries the compiler's words.</exception>
    public static CudaModule Load(CudaContext context, ReadOnlySpan<byte> image)
    {
        context.MakeCurrent();
        var log = new byte[LogBytes];

        // The driver reads text up to a zero.
        var terminated = image is [.., 0] ? image : [.. image, 0];
        fixed (byte* text = terminated, logText = log)
        {
            var options = stackalloc JitOption[] { JitOption.ErrorLogBuffer, JitOption.ErrorLogBufferBytes };
            var values = stackalloc nint[] { (nint)logText, LogBytes };
            var result = DriverApi.ModuleLoadDataEx(out var module, text, 2, options, values);
            if (result != CudaResult.Success)
            {
                var words = Encoding.UTF8.GetString(log.AsSpan(0, Math.Max(0, log.AsSpan().IndexOf((byte)0)))).Trim();
                throw new CudaException("cuModuleLoadDataEx", DriverApi.NameOf(result), (int)result, result.IsSticky(), words);
            }

            return new CudaModule(context, module);
        }
    }

    /// <summary>Finds a kernel.</summary>
    /// <exception cref="CudaException">The module has none of this name.</exception>
    public CudaKernel GetKernel(string name)
    {
        var result = DriverApi.ModuleGetFunction(out var function, Value, name);
        return result == CudaResult.Success
            ? new CudaKernel(this, name, function)
            : throw new CudaException("cuModuleGetFunction", DriverApi.NameOf(result), (int)result, result.IsSticky(), name);
    }

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.ModuleUnload(value);
}

namespace Serving.Compute.Cuda.Driver;

/// <summary>A kernel of a module, which must stay open. Every kernel takes one parameter struct by value.</summary>
internal sealed unsafe class CudaKernel
{
    /// <summary>Dynamic shared memory that needs no permission.</summary>
    private const int DefaultSharedBytes = 48 << 10;

    private readonly CudaModule _module;
    private readonly nint _function;

    internal CudaKernel(CudaModule module, string name, nint function)
    {
        _module = module;
        _function = function;
        Name = name;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Lets it be launched with up to this much dynamic shared memory.</summary>
    public void AllowSharedBytes(int bytes)
    {
        if (bytes > DefaultSharedBytes)
        {
            DriverApi.FuncSetAttribute(_function, FunctionAttribute.MaxDynamicSharedBytes, bytes).ThrowIfFailed("cuFuncSetAttribute");
        }
    }

    /// <summary>A number that the compiler settled: registers, local memory, threads per block.</summary>
    public int Read(FunctionAttribute attribute)
    {
        DriverApi.FuncGetAttribute(out var value, attribute, _function).ThrowIfFailed("cuFuncGetAttribute");
        return value;
    }

    /// <summary>Blocks of this shape that one multiprocessor holds at once.</summary>
    public int BlocksPerMultiprocessor(int threads, int sharedBytes)
    {
        DriverApi.OccupancyMaxActiveBlocksPerMultiprocessor(out var blocks, _function, threads, (nuint)sharedBytes).ThrowIfFailed("cuOccupancyMaxActiveBlocksPerMultiprocessor");
        return blocks;
    }

    /// <summary>Queues a launch; the parameters are copied now.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    /// <param name="parameters">The kernel's struct.</param>
    /// <param name="early">It may begin before the kernel ahead of it on the stream has ended, for which it waits by itself (programmatic dependent launch).</param>
    public void Launch<T>(CudaStream stream, CudaGrid grid, int threads, int sharedBytes, in T parameters, bool early = false)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_module.IsClosed, _module);
        fixed (T* first = &parameters)
        {
            void* argument = first;
            var attribute = new LaunchAttribute { Id = LaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
            var configuration = new LaunchConfiguration
            {
                GridX = (uint)grid.X,
                GridY = (uint)grid.Y,
                GridZ = (uint)grid.Z,
                BlockX = (uint)threads,
                BlockY = 1,
                BlockZ = 1,
                SharedBytes = (uint)sharedBytes,
                Stream = stream.Value,
                Attributes = &attribute,
                AttributeCount = early ? 1u : 0,
            };
            var result = DriverApi.LaunchKernelEx(&configuration, _function, &argument, null);
            if (result != CudaResult.Success)
            {
                throw new CudaException("cuLaunchKernelEx", DriverApi.NameOf(result), (int)result, result.IsSticky(), $"{Name}: {DriverApi.TextOf(result)}");
            }
        }
    }
}

/// <summary>Blocks of a launch.</summary>
internal readonly record struct CudaGrid(int X, int Y = 1, int Z = 1);

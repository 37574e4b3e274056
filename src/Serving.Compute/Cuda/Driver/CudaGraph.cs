namespace Serving.Compute.Cuda.Driver;

/// <summary>Work that was recorded from a stream and is launched as one.</summary>
internal sealed class CudaGraph : CudaHandle
{
    private CudaGraph(CudaContext context, nint executable)
        : base(context, executable)
    {
    }

    /// <summary>Makes a recording launchable and gives the recording back.</summary>
    internal static CudaGraph Instantiate(CudaContext context, nint graph)
    {
        var result = DriverApi.GraphInstantiateWithFlags(out var executable, graph, 0);
        DriverApi.GraphDestroy(graph).ThrowIfFailed("cuGraphDestroy");
        result.ThrowIfFailed("cuGraphInstantiateWithFlags");
        return new CudaGraph(context, executable);
    }

    /// <summary>Queues everything recorded.</summary>
    public void Launch(CudaStream stream) => DriverApi.GraphLaunch(Value, stream.Value).ThrowIfFailed("cuGraphLaunch");

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.GraphExecDestroy(value);
}

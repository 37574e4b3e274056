namespace Serving.Compute.Cuda.Driver;

/// <summary>Work in order on a device, independent of the legacy default stream.</summary>
internal sealed class CudaStream : CudaHandle
{
    private const uint NonBlocking = 1;

    private CudaStream(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>Makes a stream.</summary>
    /// <param name="context">Where.</param>
    /// <param name="priority">0 is the lowest; lower numbers go first, as far as the device tells them apart.</param>
    public static CudaStream Create(CudaContext context, int priority = 0)
    {
        context.MakeCurrent();
        DriverApi.StreamCreateWithPriority(out var stream, NonBlocking, priority).ThrowIfFailed("cuStreamCreateWithPriority");
        return new CudaStream(context, stream);
    }

    /// <summary>Waits until all work is done, and reports what of it failed.</summary>
    public void Synchronize() => DriverApi.StreamSynchronize(Value).ThrowIfFailed("cuStreamSynchronize");

    /// <summary>Waits until nothing runs any more, be it because the device has failed.</summary>
    public void TrySettle()
    {
        try
        {
            Context.MakeCurrent();
            Synchronize();
        }
        catch (CudaException)
        {
            // A device that failed copies nothing any more.
        }
    }

    /// <summary>Whether all work is done.</summary>
    public bool IsIdle()
    {
        var result = DriverApi.StreamQuery(Value);
        if (result != CudaResult.NotReady)
        {
            result.ThrowIfFailed("cuStreamQuery");
        }

        return result == CudaResult.Success;
    }

    /// <summary>Lets what comes next on this stream wait for what <paramref name="event"/> recorded.</summary>
    public void Wait(CudaEvent @event) => DriverApi.StreamWaitEvent(Value, @event.Value, 0).ThrowIfFailed("cuStreamWaitEvent");

    /// <summary>Starts to record work into a graph instead of doing it. Other threads may go on allocating and copying.</summary>
    public void BeginCapture() => DriverApi.StreamBeginCapture(Value, CaptureMode.ThreadLocal).ThrowIfFailed("cuStreamBeginCapture_v2");

    /// <summary>Ends the recording.</summary>
    public CudaGraph EndCapture()
    {
        DriverApi.StreamEndCapture(Value, out var graph).ThrowIfFailed("cuStreamEndCapture");
        return CudaGraph.Instantiate(Context, graph);
    }

    /// <summary>Ends a recording that an error broke off, and forgets it.</summary>
    public void AbandonCapture()
    {
        if (DriverApi.StreamEndCapture(Value, out var graph) == CudaResult.Success && graph != 0)
        {
            DriverApi.GraphDestroy(graph).ThrowIfFailed("cuGraphDestroy");
        }
    }

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.StreamDestroy(value);
}

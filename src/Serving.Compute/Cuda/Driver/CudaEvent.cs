namespace Serving.Compute.Cuda.Driver;

/// <summary>A mark in a stream that others wait for.</summary>
internal sealed class CudaEvent : CudaHandle
{
    private const uint BlockingSync = 1;
    private const uint DisableTiming = 2;

    private CudaEvent(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>Makes an event; one that keeps no time is cheaper.</summary>
    /// <param name="context">Where.</param>
    /// <param name="timing">Whether it keeps time.</param>
    /// <param name="blocking">Whether <see cref="Synchronize"/> gives the processor away while it waits; otherwise the driver asks over and over.</param>
    public static CudaEvent Create(CudaContext context, bool timing = false, bool blocking = false)
    {
        context.MakeCurrent();
        DriverApi.EventCreate(out var value, (timing ? 0 : DisableTiming) | (blocking ? BlockingSync : 0)).ThrowIfFailed("cuEventCreate");
        return new CudaEvent(context, value);
    }

    /// <summary>Marks the end of what <paramref name="stream"/> has been given so far.</summary>
    public void Record(CudaStream stream) => DriverApi.EventRecord(Value, stream.Value).ThrowIfFailed("cuEventRecord");

    /// <summary>Waits for the mark. An event that was never recorded is done.</summary>
    public void Synchronize() => DriverApi.EventSynchronize(Value).ThrowIfFailed("cuEventSynchronize");

    /// <summary>Whether the mark was passed.</summary>
    public bool IsDone()
    {
        var result = DriverApi.EventQuery(Value);
        if (result != CudaResult.NotReady)
        {
            result.ThrowIfFailed("cuEventQuery");
        }

        return result == CudaResult.Success;
    }

    /// <summary>Milliseconds from an earlier mark to this one; both must keep time and be passed.</summary>
    public float MillisecondsSince(CudaEvent start)
    {
        DriverApi.EventElapsedTime(out var milliseconds, start.Value, Value).ThrowIfFailed("cuEventElapsedTime");
        return milliseconds;
    }

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) => DriverApi.EventDestroy(value);
}

using Serving.Compute.Backends;

namespace Serving.Compute.Cuda.Driver;

/// <summary>
/// One rank of several GPUs that sum and gather together: every rank queues the same collectives in the same order, each from a thread of its own, and a
/// collective runs when all have come to it.
/// </summary>
internal sealed class NcclCommunicator : CudaHandle
{
    /// <summary>A call that is under way may wait for a rank that will never come; it is what an abort is for, so that an abort waits for it no longer than this.</summary>
    private static readonly TimeSpan CallPatience = TimeSpan.FromSeconds(1);

    // One thread queues, so that nobody waits here; it is for an abort, which comes from another.
    private readonly Lock _gate = new();
    private volatile bool _aborted;

    private NcclCommunicator(CudaContext context, nint handle, int rank, int ranks)
        : base(context, handle)
    {
        Rank = rank;
        Ranks = ranks;
    }

    /// <summary>Its number, from 0.</summary>
    public int Rank { get; }

    /// <summary>How many there are.</summary>
    public int Ranks { get; }

    /// <summary>What the ranks of a new communicator find each other by. The caller has asked <see cref="CudaLibraries.TryLoadNccl"/>.</summary>
    public static NcclUniqueId CreateId()
    {
        NcclApi.GetUniqueId(out var id).ThrowIfFailed("ncclGetUniqueId");
        return id;
    }

    /// <summary>Joins; returns when all ranks have.</summary>
    public static NcclCommunicator Create(CudaContext context, NcclUniqueId id, int rank, int ranks)
    {
        context.MakeCurrent();
        NcclApi.CommInitRank(out var handle, ranks, id, rank).ThrowIfFailed("ncclCommInitRank");
        return new NcclCommunicator(context, handle, rank, ranks);
    }

    /// <summary>Sums one number with the other ranks, so that what is wrong between the devices shows at the start and connections are made before steps are recorded.</summary>
    /// <exception cref="ComputeException">The sum is not what it should be, or a device failed.</exception>
    public void Check(CudaStream stream)
    {
        using var value = CudaDeviceBuffer.Allocate(Context, sizeof(float));
        Span<float> sum = [Rank + 1];
        value.CopyFrom<float>(0, sum, stream);
        AllReduce(stream, value.Address, value.Address, 1);
        value.CopyTo(0, sum, stream);
        ThrowIfFailed();
        var expected = Ranks * (Ranks + 1) / 2;
        if (sum[0] != expected)
        {
            throw new ComputeException($"NCCL sums 1 to {Ranks} over the GPUs to {sum[0]}: they do not reach each other's memory as they should.");
        }
    }

    /// <summary>Queues the sum of fp32 values over all ranks, the same bits on each. In which order they are summed is NCCL's choice, and may change with the count.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="send">This rank's values.</param>
    /// <param name="receive">The sums; may be <paramref name="send"/>.</param>
    /// <param name="count">Values.</param>
    public void AllReduce(CudaStream stream, ulong send, ulong receive, long count)
    {
        lock (_gate)
        {
            ThrowIfAborted();
            NcclApi.AllReduce(send, receive, (nuint)count, NcclDataType.Float32, NcclReduction.Sum, Value, stream.Value).ThrowIfFailed("ncclAllReduce");
        }
    }

    /// <summary>Queues the gathering of fp32 values of all ranks, rank 0's first.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="send">This rank's values.</param>
    /// <param name="receive">Ranks × count values.</param>
    /// <param name="count">Values of one rank.</param>
    public void AllGather(CudaStream stream, ulong send, ulong receive, long count)
    {
        lock (_gate)
        {
            ThrowIfAborted();
            NcclApi.AllGather(send, receive, (nuint)count, NcclDataType.Float32, Value, stream.Value).ThrowIfFailed("ncclAllGather");
        }
    }

    /// <summary>Reports what failed of collectives that were queued without fault: their streams do not say.</summary>
    public void ThrowIfFailed()
    {
        lock (_gate)
        {
            ThrowIfAborted();
            NcclApi.CommGetAsyncError(Value, out var status).ThrowIfFailed("ncclCommGetAsyncError");
            status.ThrowIfFailed("ncclCommGetAsyncError");
        }
    }

    /// <summary>Ends every collective of this rank that waits for others, with whatever is there. Nothing can be queued any more. From any thread.</summary>
    public void Abort()
    {
        var held = _gate.TryEnter(CallPatience);
        var referenced = false;
        try
        {
            // Its own thread may be about to close it.
            DangerousAddRef(ref referenced);
            if (!_aborted)
            {
                _aborted = true;
                NcclApi.CommAbort(handle);
            }
        }
        catch (ObjectDisposedException)
        {
            // It is closed: nobody waits in it.
        }
        finally
        {
            if (referenced)
            {
                DangerousRelease();
            }

            if (held)
            {
                _gate.Exit();
            }
        }
    }

    /// <inheritdoc/>
    protected override CudaResult Release(nint value) =>
        _aborted || NcclApi.CommDestroy(value) == NcclStatus.Success ? CudaResult.Success : CudaResult.InvalidHandle;

    private void ThrowIfAborted()
    {
        if (_aborted)
        {
            throw new ComputeException($"Rank {Rank} of {Ranks} was stopped because another one failed.");
        }
    }
}

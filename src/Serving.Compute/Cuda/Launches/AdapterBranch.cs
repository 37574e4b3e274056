using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// The branch beside a step's stream that shrinks run on while the base product, which reads the same input, runs on the stream itself; and expands, where the end
/// of the Linear takes rows one by one:
/// <code>
///   stream   …  end ─┬─ product ─────────┬─ end …
///   branch           └─ shrink (expand) ─┘
/// </code>
/// A recording takes the branch in with the events, as parallel nodes. One pair of events serves every fork: a wait takes what was recorded last when it is queued.
/// </summary>
internal sealed class AdapterBranch(CudaContext context) : IDisposable
{
    private readonly CudaStream _stream = CudaStream.Create(context);
    private readonly CudaEvent _forked = CudaEvent.Create(context);
    private readonly CudaEvent _done = CudaEvent.Create(context);

    /// <summary>Begins the branch behind all that <paramref name="stream"/> has been given so far, and returns the stream of the branch.</summary>
    public CudaStream Fork(CudaStream stream)
    {
        _forked.Record(stream);
        _stream.Wait(_forked);
        return _stream;
    }

    /// <summary>Lets what comes next on <paramref name="stream"/> wait for the branch.</summary>
    public void Join(CudaStream stream)
    {
        _done.Record(_stream);
        stream.Wait(_done);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _forked.Dispose();
        _done.Dispose();
    }
}

using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Times two ways of doing the same, in turns, and holds each to its best time.</summary>
internal sealed class ProductTrials(CudaStream stream) : IDisposable
{
    private const int Rounds = 3;

    private readonly CudaEvent _begin = CudaEvent.Create(stream.Context, timing: true);
    private readonly CudaEvent _end = CudaEvent.Create(stream.Context, timing: true);

    /// <summary>Milliseconds of both.</summary>
    public (float First, float Second) Compare(Action first, Action second)
    {
        Run(first);
        Run(second);
        var best = (First: float.PositiveInfinity, Second: float.PositiveInfinity);
        for (var round = 0; round < Rounds; round++)
        {
            best = (Math.Min(best.First, Run(first)), Math.Min(best.Second, Run(second)));
        }

        return best;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Dispose();
        _begin.Dispose();
    }

    private float Run(Action work)
    {
        _begin.Record(stream);
        work();
        _end.Record(stream);
        _end.Synchronize();
        return _end.MillisecondsSince(_begin);
    }
}

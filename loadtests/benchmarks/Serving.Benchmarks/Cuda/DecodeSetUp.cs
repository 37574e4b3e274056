using Serving.Compute.Adapters;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>A loaded model whose steps are timed: weights, sequences, adapters; and the times of its steps without adapters, each measured once.</summary>
internal sealed class DecodeSetUp : IDisposable
{
    private readonly Dictionary<int, double> _plain = [];

    /// <summary>Loads the model, and packs the adapters that both kinds of measurements take.</summary>
    public DecodeSetUp(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        Shape = shape;
        var program = shape.Program();
        Backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        try
        {
            BenchmarkShape.LoadWeights(Backend, program);

            // Slots 0 … n - 1 have all seven projections, n … 2 n - 1 those of attention.
            Session = new StepSession(Backend, program, [.. Copies(program, _ => true), .. Copies(program, BenchmarkShape.IsAttention)], shape.Many, shape.Context);
            Cost = StepCost.Of(program, Backend, limits);
        }
        catch
        {
            Backend.Dispose();
            throw;
        }
    }

    /// <summary>The shape.</summary>
    public BenchmarkShape Shape { get; }

    /// <summary>The backend, as the daemon would have it.</summary>
    public CudaBackend Backend { get; }

    /// <summary>Its sequences and adapters.</summary>
    public StepSession Session { get; }

    /// <summary>What its steps have to read.</summary>
    public StepCost Cost { get; }

    /// <summary>Seconds of a step of so many sequences without adapters.</summary>
    public double Plain(int sequences) =>
        _plain.TryGetValue(sequences, out var seconds) ? seconds : _plain[sequences] = Best(sequences, _ => -1);

    /// <summary>Seconds of a step of so many sequences with the adapters of these slots.</summary>
    public double Best(int sequences, Func<int, int> slotOf) => StepSession.Best(Session.Decode(sequences, slotOf), Shape.Milliseconds);

    /// <inheritdoc/>
    public void Dispose() => Backend.Dispose();

    private IEnumerable<AdapterWeights> Copies(ModelProgram program, Func<LoraSlice, bool> takes) =>
        Enumerable.Repeat(StepSession.Adapter(program, DecodeBenchmark.Rank, takes), Shape.Many);
}

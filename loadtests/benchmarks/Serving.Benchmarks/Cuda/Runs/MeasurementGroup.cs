namespace Serving.Benchmarks.Cuda;

/// <summary>Measurements that share a set-up: it is made before the first of them that is wanted, and given back after the last.</summary>
internal abstract class MeasurementGroup : IDisposable
{
    /// <summary>What the report calls it.</summary>
    public abstract string Name { get; }

    /// <summary>What there is to measure; known without the set-up.</summary>
    public abstract IReadOnlyList<Measurement> Measurements { get; }

    /// <summary>Brings to the device what all of them need.</summary>
    public virtual void SetUp()
    {
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}

using System.Globalization;
using Serving.Compute.Backends;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>What steps have to read at least, and how long that takes at the copy bandwidth.</summary>
/// <param name="Program">The model.</param>
/// <param name="WeightBytes">Weights that every step reads: all but the embedding.</param>
/// <param name="Limits">What the device can do.</param>
internal sealed record StepCost(ModelProgram Program, long WeightBytes, DeviceLimits Limits)
{
    /// <summary>The cost of a loaded model's steps.</summary>
    public static StepCost Of(ModelProgram program, IComputeBackend backend, DeviceLimits limits) =>
        new(program, program.Weights.Where(weight => weight.Kind != WeightKind.Embedding).Sum(weight => backend.PackedBytes(weight.Index)), limits);

    /// <summary>Keys and values of sequences of a length.</summary>
    public double KvBytes(int sequences, double tokens) => sequences * tokens * 2 * Program.Shape.LayerCount * Program.Shape.KvWidth * sizeof(ushort);

    /// <summary>Matrices of an adapter on the slices that <paramref name="takes"/> picks.</summary>
    public double AdapterBytes(int rank, Func<LoraSlice, bool> takes) =>
        Program.Slices.Where(takes).Sum(slice => (double)rank * (slice.InputWidth + slice.OutputWidth) * sizeof(ushort));

    /// <summary>Seconds that a step takes to read weights, keys and values and <paramref name="adapterBytes"/>.</summary>
    public double Seconds(int sequences, double tokens, double adapterBytes = 0) => (WeightBytes + KvBytes(sequences, tokens) + adapterBytes) / Limits.CopyRate;

    /// <summary>The same in words.</summary>
    public string Formula(int sequences, double tokens, double adapterBytes = 0)
    {
        var adapters = adapterBytes > 0 ? string.Create(CultureInfo.InvariantCulture, $" + adapters {adapterBytes / 1e9:G4}") : string.Empty;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"(weights {WeightBytes / 1e9:G4} + KV {KvBytes(sequences, tokens) / 1e9:G4}{adapters}) GB / {Limits.CopyRate / 1e9:G4} GB/s = {Seconds(sequences, tokens, adapterBytes) * 1e3:G4} ms");
    }
}

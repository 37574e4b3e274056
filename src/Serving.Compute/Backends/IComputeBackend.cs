using Serving.Compute.Adapters;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;

namespace Serving.Compute.Backends;

/// <summary>
/// Interprets one <c>ModelProgram</c> on one device. Life: create for a program → <see cref="LoadWeight"/> for all weights →
/// <see cref="AllocatePool"/> → any number of <see cref="Execute"/>, <see cref="PrepareAdapter"/> and <see cref="PackAdapter"/> → dispose.
/// An answer depends on its own request only: every op has one arithmetic and one order of accumulation, however rows are batched.
/// </summary>
public interface IComputeBackend : IDisposable
{
    /// <summary>"managed", "cpu" or "cuda".</summary>
    string Name { get; }

    /// <summary>What it computes with: "vector256", "avx2", "avx512", "amx", "sm_90" …</summary>
    string InstructionSet { get; }

    /// <summary>Threads that compute, the caller's included.</summary>
    int ThreadCount { get; }

    /// <summary>Memory that weights and pool are taken from, where it is not the host's.</summary>
    DeviceMemory? DeviceMemory => null;

    /// <summary>Whether adapters may change experts, and what chooses them; where not, those that do must not be given to it.</summary>
    bool AdaptsExperts => true;

    /// <summary>Whether it runs adapters with magnitudes (DoRA); where not, those that have any must not be given to it.</summary>
    bool AdaptsMagnitudes => false;

    /// <summary>Whether it runs models with a recurrent state.</summary>
    bool RunsRecurrence => false;

    /// <summary>Bytes of one page (<c>ModelShape.PageBytes</c>; of several devices that share a program out, on each).</summary>
    long PageBytes { get; }

    /// <summary>Bytes that a weight takes once packed: what the memory plan adds up before anything is loaded.</summary>
    long PackedBytes(int weight);

    /// <summary>
    /// Bytes of a device's own memory that <see cref="AllocatePool"/> takes beside the pages, for the memory plan; null where there is no such memory, or the backend cannot say.
    /// What the driver adds (alignment, recordings of steps) is not in it.
    /// </summary>
    /// <param name="limits">The largest step.</param>
    /// <param name="adapterSlots">Adapters that can be resident at once.</param>
    long? StepBytes(StepLimits limits, int adapterSlots) => null;

    /// <summary>
    /// Packs rows <paramref name="firstRow"/> … of a weight from row-major bf16; the source is free again when it returns. For a vector,
    /// <paramref name="firstRow"/> is the first element and <paramref name="values"/> are elements.
    /// </summary>
    void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values);

    /// <summary>Takes elements <paramref name="firstElement"/> … of a vector in fp32 (<see cref="Programs.WeightFormat.Float32"/>); the source is free again when it returns.</summary>
    void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values) => throw new NotSupportedException();

    /// <summary>Packs rows <paramref name="firstRow"/> … of a matrix of integers that are integers already; the source is free again when it returns.</summary>
    /// <param name="weight">A weight of a format of integers.</param>
    /// <param name="firstRow">Its first row.</param>
    /// <param name="values">Integers that the format has (of eight bits −128 too), each row filled up with zeros to <see cref="BlockQuantizer.PaddedColumns"/>.</param>
    /// <param name="scales">Their scales in bf16, and behind a row's scales its offsets where the format has them, <see cref="BlockQuantizer.ScaleCount"/> of a row; normal numbers or zero.</param>
    void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales) => throw new NotSupportedException();

    /// <summary>Takes the page arena, the step buffers and the per-slot tables. Called once, after the weights.</summary>
    void AllocatePool(PoolShape pool, StepLimits limits);

    /// <summary>Bytes of host memory that <see cref="PrepareAdapter"/> takes for an adapter of these ranks, without preparing it.</summary>
    long PreparedBytesOf(AdapterWeights adapter);

    /// <summary>
    /// Brings an adapter into the form that <see cref="PackAdapter"/> takes: work for the host alone, done once for all times that it is packed. From any thread, several at
    /// once, beside steps. The matrices must not change as long as it is used. A backend that takes memory for this at start (<see cref="PoolShape.AdapterHostBytes"/>)
    /// takes it from there, and waits for copies that are still under way out of memory that was given back.
    /// </summary>
    /// <param name="adapter">Its matrices.</param>
    /// <param name="cancellationToken">Gives up: what takes long ends soon.</param>
    /// <returns>Null where what is left of that memory has no room for it; whoever gives others back makes room.</returns>
    /// <exception cref="ComputeException">The device failed.</exception>
    /// <exception cref="AdapterRangeException">What it computes is out of range.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    IPreparedAdapter? PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes a prepared adapter's cells into pages and binds them to a slot. May run on any thread beside <see cref="Execute"/>, as no running step uses
    /// these pages or this slot. On a device that runs by itself they may still be on their way when it returns; the backend keeps the order: a later step that uses the
    /// slot, and whatever is written to the pages or packed into the slot afterwards, comes after them, and so does whoever is given the adapter's host memory next.
    /// </summary>
    /// <exception cref="ComputeException">The device failed, now or in a copy before; one that fails later fails the next step.</exception>
    void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages);

    /// <summary>
    /// Copies whole pages, as the device lays them out, to pages of the host memory behind the arena, and returns when they are there. May run on any thread beside
    /// <see cref="Execute"/>, as no step writes these pages meanwhile; steps may read them.
    /// </summary>
    /// <param name="pages">Pages of the arena.</param>
    /// <param name="hostPages">As many pages of host memory, counted from 0.</param>
    void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages);

    /// <summary>
    /// Copies pages of host memory back into pages of the arena, and returns when they are there. May run on any thread beside <see cref="Execute"/>, as no running step
    /// uses these pages.
    /// </summary>
    /// <param name="hostPages">Pages of host memory that <see cref="CopyToHost"/> has filled.</param>
    /// <param name="pages">As many pages of the arena; any, not only those that were copied.</param>
    void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages);

    /// <summary>Runs one step to its end and fills <paramref name="outputs"/>. One call at a time, always from the engine thread.</summary>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more.</exception>
    void Execute(StepInputs inputs, StepOutputs outputs);
}

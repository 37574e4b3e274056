using Serving.Compute.Cuda.Driver;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Adapters on their way to the device, on a stream of their own, and who has to wait for which. Loads are numbered as they are queued and arrive in that order: a
/// stream that has waited for one has waited for all before it. What a load writes, its slot and its pages, remembers its number; a step waits, on the device, for
/// the latest number among the slots and pages that it uses, so that an adapter may be evicted and its pages given to others while it is still on its way. The host memory that a
/// load copies from remembers it too (<see cref="ArenaPages"/>).
/// </summary>
internal sealed class AdapterCopies : IDisposable
{
    /// <summary>Marks that are in use by turns. One that was recorded again stands for a later load: who waits for it waits longer, never too short.</summary>
    private const int MarkCount = 8;

    private readonly CudaEvent[] _marks = new CudaEvent[MarkCount];
    private readonly long[] _loadOfSlot;
    private readonly long[] _loadOfPage;
    private long _queued;
    private long _awaited;
    private long _arrived;

    /// <summary>No load yet.</summary>
    public AdapterCopies(CudaContext context, int slots, int pages)
    {
        Stream = CudaStream.Create(context);
        for (var i = 0; i < MarkCount; i++)
        {
            _marks[i] = CudaEvent.Create(context, blocking: true);
        }

        _loadOfSlot = new long[slots];
        _loadOfPage = new long[pages];
    }

    /// <summary>The stream of the copies.</summary>
    public CudaStream Stream { get; }

    /// <summary>Ends a load whose copies are all queued, and numbers it; one at a time.</summary>
    public long Mark(int slot, ReadOnlySpan<int> pages)
    {
        var load = _queued + 1;
        _marks[load % MarkCount].Record(Stream);
        Volatile.Write(ref _loadOfSlot[slot], load);
        foreach (var page in pages)
        {
            Volatile.Write(ref _loadOfPage[page], load);
        }

        Volatile.Write(ref _queued, load);
        return load;
    }

    /// <summary>Lets a step wait for what it reads (adapters of its rows) and for what it writes over (pages that rows and copies go to). From the engine thread only.</summary>
    public void Await(StepInputs inputs, CudaStream stream)
    {
        if (Volatile.Read(ref _queued) == _awaited)
        {
            return;
        }

        var load = 0L;
        foreach (ref readonly var segment in inputs.Segments)
        {
            load = segment.AdapterSlot >= 0 ? Math.Max(load, Volatile.Read(ref _loadOfSlot[segment.AdapterSlot])) : load;
        }

        foreach (var page in inputs.AppendPages)
        {
            load = Math.Max(load, Volatile.Read(ref _loadOfPage[page]));
        }

        foreach (ref readonly var copy in inputs.Copies)
        {
            load = Math.Max(load, Volatile.Read(ref _loadOfPage[copy.Destination]));
        }

        if (load > _awaited)
        {
            stream.Wait(_marks[load % MarkCount]);
            _awaited = load;
        }
    }

    /// <summary>Lets a stream that writes to any pages wait for all loads queued so far.</summary>
    public void AwaitAll(CudaStream stream) => stream.Wait(_marks[Volatile.Read(ref _queued) % MarkCount]);

    /// <summary>Lets the caller's thread wait until a load has arrived. From any thread; 0 is no load.</summary>
    public void AwaitOnHost(long load)
    {
        if (load > Volatile.Read(ref _arrived))
        {
            Stream.Context.MakeCurrent();
            _marks[load % MarkCount].Synchronize();

            // Another thread may have seen a later one arrive: forgetting that costs a look at the mark.
            Volatile.Write(ref _arrived, load);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stream.Dispose();
        foreach (var mark in _marks)
        {
            mark.Dispose();
        }
    }
}

using System.Globalization;
using Serving.Compute.Backends;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading;

/// <summary>What memory goes to, worked out before anything is loaded.</summary>
/// <param name="Limit">What there is.</param>
/// <param name="WeightBytes">Packed weights.</param>
/// <param name="PoolPages">Pages of the pool.</param>
/// <param name="PageBytes">Bytes of one page.</param>
/// <param name="AdapterCacheBytes">Bytes of prepared adapters kept in host memory.</param>
/// <param name="HostPages">Pages of host memory for copies of prompt modules.</param>
/// <param name="HeadroomBytes">Left for everything else: buffers, requests, the runtime.</param>
/// <param name="Refusal">Why the daemon cannot start like this and what would fit; null when it can.</param>
public sealed record MemoryPlan(
    MemoryLimit Limit, long WeightBytes, int PoolPages, long PageBytes, long AdapterCacheBytes, int HostPages, long HeadroomBytes, string? Refusal)
{
    /// <summary>A gibibyte is kept free, or half of what the weights leave where that is less.</summary>
    private const long MaxHeadroomBytes = 1L << 30;

    /// <summary>What a device keeps free where the backend cannot say what its steps take: activations and logits, the driver's own.</summary>
    private const long DeviceHeadroomBytes = 4L << 30;

    /// <summary>
    /// What it keeps free beside known steps: the driver rounds allocations up (to 2 MiB, some 300 of them), recordings of steps and the kernels' own memory. Not measured
    /// on a device yet, so there is room in it; a 64th of the memory where that is more.
    /// </summary>
    private const long DriverBytes = 768L << 20;

    /// <summary>Pages of two sequences of 512 tokens.</summary>
    private const int MinTokenPages = 64;

    /// <summary>What the sequences' recurrent states take of the pool.</summary>
    public StateDemand States { get; init; }

    /// <summary>Fewest pages that a daemon starts with: those of two sequences of 512 tokens, and of one sequence's recurrent state.</summary>
    private int MinPages => (int)Math.Min(int.MaxValue, MinTokenPages + States.RunningPages);

    /// <summary>Bytes of the pool.</summary>
    public long PoolBytes => PoolPages * PageBytes;

    /// <summary>The sum of everything.</summary>
    public long TotalBytes => WeightBytes + PoolBytes + HeadroomBytes + (IsOnDevice ? 0 : AdapterCacheBytes + ModuleCacheBytes + ConstraintCacheBytes);

    /// <summary>Bytes for copies of prompt modules, of which every device has its part.</summary>
    public long ModuleCacheBytes => HostPages * PageBytes * Devices;

    /// <summary>Bytes of host memory for compiled constraints.</summary>
    public long ConstraintCacheBytes { get; init; }

    /// <summary>Weights and pool are on a device; compiled constraints are in host memory, prepared adapters and copies of modules too, pinned, which is not counted here.</summary>
    public bool IsOnDevice { get; init; }

    /// <summary>Devices that each hold as much as this plan says.</summary>
    public int Devices { get; init; } = 1;

    /// <summary>Makes the plan for a program on a backend.</summary>
    /// <param name="backend">Knows what its packed weights take.</param>
    /// <param name="program">The model.</param>
    /// <param name="limit">What there is.</param>
    /// <param name="poolBytes">Pool as configured; null for a quarter of what the weights leave free, or up to a half where recurrent states want it.</param>
    /// <param name="adapterCacheBytes">Most bytes for prepared adapters; taken back to an eighth of what the weights leave where that is less.</param>
    /// <param name="moduleCacheBytes">Most bytes for copies of prompt modules; taken back in the same way, and to what the pool leaves.</param>
    /// <param name="constraintCacheBytes">Most bytes for compiled constraints; taken back as those for adapters are.</param>
    /// <param name="stepBytes">What steps take of a device's own memory (<see cref="IComputeBackend.StepBytes"/>).</param>
    /// <param name="states">What the sequences' recurrent states take.</param>
    public static MemoryPlan Create(
        IComputeBackend backend, ModelProgram program, MemoryLimit limit, long? poolBytes, long adapterCacheBytes, long moduleCacheBytes, long constraintCacheBytes, long? stepBytes = null, StateDemand states = default)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(program);
        moduleCacheBytes = states.Pages > 0 ? 0 : moduleCacheBytes; // No prompt imports any.
        var weightBytes = program.Weights.Sum(weight => backend.PackedBytes(weight.Index));
        return backend.DeviceMemory is { } device
            ? CreateOnDevice(weightBytes, backend.PageBytes, device, limit, poolBytes, adapterCacheBytes, moduleCacheBytes, constraintCacheBytes, stepBytes, states)
            : Create(weightBytes, backend.PageBytes, limit, poolBytes, adapterCacheBytes, moduleCacheBytes, constraintCacheBytes, states);
    }

    /// <summary>Makes the plan from sizes.</summary>
    public static MemoryPlan Create(long weightBytes, long pageBytes, MemoryLimit limit, long? poolBytes, long adapterCacheBytes, long moduleCacheBytes = 0, long constraintCacheBytes = 0, StateDemand states = default)
    {
        ArgumentNullException.ThrowIfNull(limit);
        var left = Math.Max(0, limit.FreeBytes - weightBytes);
        var headroom = Math.Min(MaxHeadroomBytes, left / 2);
        var cache = Math.Min(adapterCacheBytes, left / 8);
        var constraints = Math.Min(constraintCacheBytes, left / 8);
        var most = (left - headroom - cache - constraints) / pageBytes;
        var pages = poolBytes is { } configured ? configured / pageBytes : Math.Min(Math.Max(left / 4 / pageBytes, Math.Min(left / 2 / pageBytes, states.WantedPages)), most);
        var copies = (int)Math.Clamp(Math.Min(Math.Min(moduleCacheBytes, left / 8) / pageBytes, most - pages), 0, int.MaxValue);
        var plan = new MemoryPlan(limit, weightBytes, (int)Math.Min(pages, int.MaxValue), pageBytes, cache, copies, headroom, null) { ConstraintCacheBytes = constraints, States = states };
        return plan with { Refusal = plan.Refuse(most) };
    }

    /// <summary>
    /// Makes the plan for a device that has memory of its own: nobody else wants that, so that the pool takes all that weights and steps leave, or nine tenths of it where it
    /// is not known what steps take. Of several devices, for each.
    /// </summary>
    public static MemoryPlan CreateOnDevice(
        long weightBytes, long pageBytes, DeviceMemory device, MemoryLimit host, long? poolBytes, long adapterCacheBytes, long moduleCacheBytes = 0, long constraintCacheBytes = 0,
        long? stepBytes = null, StateDemand states = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(host);
        var left = Math.Max(0, device.FreeBytes - weightBytes);
        var headroom = stepBytes is { } steps ? steps + Math.Max(DriverBytes, device.TotalBytes / 64) : Math.Min(DeviceHeadroomBytes, left / 3);
        var most = Math.Max(0, left - headroom) / pageBytes;
        var pages = poolBytes is { } configured ? configured / pageBytes : stepBytes is null ? most / 10 * 9 : most;
        var limit = new MemoryLimit(device.TotalBytes, device.FreeBytes, device.Name);
        var cache = Math.Min(adapterCacheBytes, host.FreeBytes / 8);
        var copies = (int)Math.Min(Math.Min(moduleCacheBytes, host.FreeBytes / 8) / (pageBytes * device.Count), int.MaxValue);
        var plan = new MemoryPlan(limit, weightBytes, (int)Math.Min(pages, int.MaxValue), pageBytes, cache, copies, headroom, null)
        {
            IsOnDevice = true,
            States = states,
            Devices = device.Count,
            ConstraintCacheBytes = Math.Min(constraintCacheBytes, host.FreeBytes / 8),
        };
        return plan with { Refusal = plan.Refuse(most) };
    }

    /// <summary>The plan as lines to print.</summary>
    public IReadOnlyList<string> ToLines()
    {
        return
        [
            $"memory   {Text(TotalBytes)} of {Text(Limit.FreeBytes)} free{(Devices > 1 ? " on each GPU" : string.Empty)} ({Limit.Source} limit {Text(Limit.LimitBytes)})",
            IsOnDevice
                ? $"         weights {Text(WeightBytes)} + pool {Text(PoolBytes)} + headroom {Text(HeadroomBytes)}; adapter cache {Text(AdapterCacheBytes)} + module cache {Text(ModuleCacheBytes)} pinned in host memory, constraint cache {Text(ConstraintCacheBytes)}"
                : $"         weights {Text(WeightBytes)} + pool {Text(PoolBytes)} + adapter cache {Text(AdapterCacheBytes)} + module cache {Text(ModuleCacheBytes)} + constraint cache {Text(ConstraintCacheBytes)} + headroom {Text(HeadroomBytes)}",
        ];
    }

    private static string Text(long bytes)
    {
        return bytes >= 1L << 30 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB")
            : bytes >= 1L << 20 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.0} MiB")
            : string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KiB");
    }

    private string? Refuse(long most)
    {
        if (most < MinPages)
        {
            var steps = IsOnDevice ? $", its steps {Text(HeadroomBytes)}" : string.Empty;
            return $"the model does not fit: its weights take {Text(WeightBytes)}{steps} and {Text(Limit.FreeBytes)} are free ({Limit.Source}); "
                + $"weights of at most {Text(Math.Max(0, Limit.FreeBytes - Math.Max(MaxHeadroomBytes, HeadroomBytes) - (4 * MinPages * PageBytes)))} would fit";
        }

        if (PoolPages < MinPages)
        {
            return $"the pool is too small: {PoolPages} pages of {Text(PageBytes)}, at least {MinPages} are needed{(States.Pages > 0 ? $" ({States.RunningPages} of them for the recurrent state of a sequence)" : string.Empty)}; a pool from {Text(MinPages * PageBytes)} to {Text(most * PageBytes)} would fit";
        }

        return PoolPages <= most ? null : $"the pool does not fit: {Text(TotalBytes)} are needed and {Text(Limit.FreeBytes)} are free ({Limit.Source}); "
            + $"a pool of at most {Text(most * PageBytes)} would fit";
    }
}

using Serving.Compute.Backends;
using Serving.Engine.Loading;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading;

public sealed class MemoryPlanTests : IDisposable
{
    private const long Gib = 1L << 30;
    private const long Mib = 1L << 20;
    private const long Page = 64 << 10;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>By itself the pool is a quarter of what weights leave; with recurrent states what they want, up to a half; and room for one sequence's is the least.</summary>
    [Theory]
    [InlineData(0, 64, 2 * 1024)]
    [InlineData(10, 64, 2560)]
    [InlineData(100, 64, 4 * 1024)]
    public void Create_RecurrentStates_TakeUpToAHalf(int statePages, int sequences, int pages)
    {
        var plan = MemoryPlan.Create(0, 1 << 20, new MemoryLimit(8L << 30, 8L << 30, "test"), null, 0, states: new StateDemand(statePages, sequences));
        Assert.Null(plan.Refusal);
        Assert.Equal(pages, plan.PoolPages);
    }

    [Fact]
    public void Create_Defaults_TakeAQuarterOfWhatTheWeightsLeave()
    {
        var plan = Create(weights: 4 * Gib, free: 20 * Gib);
        Assert.Null(plan.Refusal);
        Assert.Equal(4 * Gib, plan.PoolBytes);
        Assert.Equal((Gib, Gib), (plan.AdapterCacheBytes, plan.HeadroomBytes));
        Assert.Equal(10 * Gib, plan.TotalBytes);
        Assert.Contains("10.0 GiB of 20.0 GiB free", plan.ToLines()[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Create_SmallContainer_ShrinksCacheAndHeadroom()
    {
        var plan = Create(weights: 10 * Mib, free: 410 * Mib);
        Assert.Null(plan.Refusal);
        Assert.Equal((100 * Mib, 50 * Mib, 200 * Mib), (plan.PoolBytes, plan.AdapterCacheBytes, plan.HeadroomBytes));
        Assert.True(plan.TotalBytes <= 410 * Mib);
    }

    [Fact]
    public void Create_PoolAsConfigured_IsTakenIfItFits()
    {
        Assert.Equal((3 * Gib) / Page, Create(Gib, 8 * Gib, pool: (3 * Gib) + 5).PoolPages);
        var refused = Create(Gib, 8 * Gib, pool: 6 * Gib);
        Assert.Contains("a pool of at most 5.1 GiB would fit", refused.Refusal, StringComparison.Ordinal);
        Assert.Null(Create(Gib, 8 * Gib, pool: 5 * Gib).Refusal);
        Assert.Contains("too small", Create(Gib, 8 * Gib, pool: Mib).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_WeightsThatDoNotFit_AreRefusedWithWhatWould()
    {
        var refusal = Create(weights: 30 * Gib, free: 8 * Gib).Refusal;
        Assert.Contains("weights take 30.0 GiB and 8.0 GiB are free", refusal, StringComparison.Ordinal);
        Assert.Contains("weights of at most 7.0 GiB would fit", refusal, StringComparison.Ordinal);
        Assert.Null(Create(weights: (long)(6.98 * Gib), free: 8 * Gib).Refusal);
    }

    [Fact]
    public void MemoryLimit_CgroupV2_TakesTheTightestGroupAround()
    {
        Machine(32, 30);
        Write("proc/self/cgroup", "0::/slice/service\n");
        WriteGroup("slice/service", "max", 5 * Mib, 0);
        WriteGroup("slice", (2 * Gib).ToString(), Gib, 256 * Mib);
        Assert.Equal(new MemoryLimit(2 * Gib, Gib + (256 * Mib), "cgroup"), MemoryLimit.Read(_folder.Path));
    }

    [Fact]
    public void MemoryLimit_CgroupV1_IsRead()
    {
        Machine(32, 30);
        Write("proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/docker/1\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", (4 * Gib).ToString());
        Write("sys/fs/cgroup/memory/memory.usage_in_bytes", Gib.ToString());
        Assert.Equal(new MemoryLimit(4 * Gib, 3 * Gib, "cgroup"), MemoryLimit.Read(_folder.Path));
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
        Assert.Equal("machine", MemoryLimit.Read(_folder.Path).Source);
    }

    [Fact]
    public void MemoryLimit_NoGroup_IsWhatTheMachineHas()
    {
        Machine(32, 7);
        Assert.Equal(new MemoryLimit(32 * Gib, 7 * Gib, "machine"), MemoryLimit.Read(_folder.Path));
    }

    [Fact]
    public void MemoryLimit_ThisMachine_IsPositive()
    {
        var limit = MemoryLimit.Read();
        Assert.InRange(limit.FreeBytes, 1, limit.LimitBytes);
    }

    /// <summary>A device's memory is nobody else's: the pool takes nearly all of it, and what lies in host memory is not counted against it.</summary>
    [Fact]
    public void CreateOnDevice_NothingConfigured_TakesNearlyAll()
    {
        var plan = MemoryPlan.CreateOnDevice(16 * Gib, Page, new DeviceMemory(80 * Gib, 76 * Gib, "GPU"), new MemoryLimit(4 * Gib, 4 * Gib, "cgroup"), null, Gib);
        Assert.Null(plan.Refusal);
        Assert.InRange(plan.PoolBytes, 50 * Gib, 51 * Gib);
        Assert.Equal(Gib / 2, plan.AdapterCacheBytes);
        Assert.InRange(plan.TotalBytes, 70 * Gib, 71 * Gib);
        Assert.Contains("in host memory", plan.ToLines()[1], StringComparison.Ordinal);
    }

    /// <summary>Of several devices the plan is each one's; their copies of modules add up in host memory.</summary>
    [Fact]
    public void CreateOnDevice_TwoDevices_IsThatOfEach()
    {
        var host = new MemoryLimit(16 * Gib, 16 * Gib, "cgroup");
        var one = MemoryPlan.CreateOnDevice(16 * Gib, Page, new DeviceMemory(80 * Gib, 76 * Gib, "GPU"), host, null, Gib, Gib);
        var two = MemoryPlan.CreateOnDevice(16 * Gib, Page, new DeviceMemory(80 * Gib, 76 * Gib, "2 x GPU", 2), host, null, Gib, Gib);
        Assert.Equal((one.PoolBytes, one.TotalBytes), (two.PoolBytes, two.TotalBytes));
        Assert.Equal((Gib, Gib), (one.ModuleCacheBytes, two.ModuleCacheBytes));
        Assert.Equal(one.HostPages, 2 * two.HostPages);
        Assert.Contains("on each GPU", two.ToLines()[0], StringComparison.Ordinal);
    }

    /// <summary>Where it is known what steps take, the pool takes all the rest but the driver's part, on small devices as on large ones.</summary>
    [Theory]
    [InlineData(24, 16, 3)]
    [InlineData(141, 16, 3)]
    [InlineData(8, 2.5, 0.5)]
    public void CreateOnDevice_StepsKnown_TakesTheRest(int totalGib, double weightGib, double stepGib)
    {
        var device = new DeviceMemory(totalGib * Gib, totalGib * Gib - (Gib / 2), "GPU");
        var (weights, steps) = ((long)(weightGib * Gib), (long)(stepGib * Gib));
        var plan = MemoryPlan.CreateOnDevice(weights, Page, device, new MemoryLimit(4 * Gib, 4 * Gib, "cgroup"), null, Gib, stepBytes: steps);
        Assert.Null(plan.Refusal);
        Assert.InRange(plan.TotalBytes, device.FreeBytes - Page, device.FreeBytes);
        Assert.InRange(plan.HeadroomBytes - steps, Gib / 2, (Gib / 2) + (device.TotalBytes / 32));
    }

    /// <summary>Weights fit, steps beside them do not: the refusal names both.</summary>
    [Fact]
    public void CreateOnDevice_StepsTooLarge_IsRefused()
    {
        var device = new DeviceMemory(8 * Gib, 8 * Gib, "GPU");
        var plan = MemoryPlan.CreateOnDevice(6 * Gib, Page, device, new MemoryLimit(4 * Gib, 4 * Gib, "cgroup"), null, Gib, stepBytes: 3 * Gib);
        Assert.Contains("its weights take 6.0 GiB, its steps 3.8 GiB", plan.Refusal, StringComparison.Ordinal);
    }

    /// <summary>A model that a device cannot hold is refused, whatever the host has.</summary>
    [Fact]
    public void CreateOnDevice_WeightsTooLarge_IsRefused()
    {
        var plan = MemoryPlan.CreateOnDevice(100 * Gib, Page, new DeviceMemory(80 * Gib, 76 * Gib, "GPU"), new MemoryLimit(400 * Gib, 400 * Gib, "cgroup"), null, Gib);
        Assert.Contains("does not fit", plan.Refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, 1, 1)]
    [InlineData(4, 1, 0.5)]
    [InlineData(8, 6, 0)]
    public void Create_ModuleCache_TakesAnEighthAtMostAndOnlyWhatThePoolLeaves(double freeGib, double poolGib, double expectedGib)
    {
        var plan = Create(0, (long)(freeGib * Gib), (long)(poolGib * Gib), modules: Gib);
        Assert.Null(plan.Refusal);
        Assert.Equal((long)(expectedGib * Gib), plan.ModuleCacheBytes);
        Assert.True(plan.TotalBytes <= freeGib * Gib);
    }

    [Theory]
    [InlineData(8, 256)]
    [InlineData(1, 128)]
    public void Create_ConstraintCache_IsCountedAndTakesAnEighthAtMost(int freeGib, int expectedMib)
    {
        var plan = Create(0, freeGib * Gib, constraints: 256 * Mib);
        Assert.Null(plan.Refusal);
        Assert.Equal(expectedMib * Mib, plan.ConstraintCacheBytes);
        Assert.Equal(plan.PoolBytes + plan.AdapterCacheBytes + plan.HeadroomBytes + plan.ConstraintCacheBytes, plan.TotalBytes);
        Assert.True(plan.TotalBytes <= freeGib * Gib);
        Assert.Contains($"constraint cache {expectedMib}.0 MiB", plan.ToLines()[1], StringComparison.Ordinal);
    }

    private static MemoryPlan Create(long weights, long free, long? pool = null, long modules = 0, long constraints = 0)
    {
        return MemoryPlan.Create(weights, Page, new MemoryLimit(free, free, "cgroup"), pool, Gib, modules, constraints);
    }

    private void Machine(long total, long available)
    {
        Write("proc/meminfo", $"MemTotal:  {total * Mib} kB\nMemFree: 1 kB\nMemAvailable:  {available * Mib} kB\n");
    }

    private void WriteGroup(string group, string limit, long used, long inactive)
    {
        Write($"sys/fs/cgroup/{group}/memory.max", limit + "\n");
        Write($"sys/fs/cgroup/{group}/memory.current", used + "\n");
        Write($"sys/fs/cgroup/{group}/memory.stat", $"anon 5\ninactive_file {inactive}\n");
    }

    private void Write(string path, string text)
    {
        var file = _folder.PathOf(path.Split('/'));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}

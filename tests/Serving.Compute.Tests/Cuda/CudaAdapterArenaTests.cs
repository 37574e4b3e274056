using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Adapters that are kept cut in pinned memory: how much of it there is, when it is written to again, and what becomes of it where something fails.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaAdapterArenaTests
{
    private const int FailingDevice = 1;

    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };
    private static readonly TestShape Shape = ParallelFactory.Shareable(new TestShape());

    /// <summary>On one device, and on two that have a part each.</summary>
    public static TheoryData<BackendFactory> Factories => [CudaFactory.Deterministic, ParallelFactory.Deterministic];

    /// <summary>
    /// Memory for one adapter, and seven that take turns in it, each given back right behind its load, before any copy was made (the emulator makes one as late as somebody
    /// waits for it): what is written there next waits for the copies, and every slot has its own adapter.
    /// </summary>
    [Theory]
    [MemberData(nameof(Factories))]
    public void PrepareAdapter_MemoryStillCopiedFrom_IsNotWrittenTo(BackendFactory factory)
    {
        const int Count = 7;
        var test = TestProgram.Create(Shape);
        using var session = new BackendSession(factory, test, pages: 2048, adapterPages: PagesOf(factory, test, Adapter(test, 0)));
        int[] slots = [.. Enumerable.Range(0, Count).Select(i => session.AddAdapter(Adapter(test, i)))];
        for (var i = 0; i < Count; i++)
        {
            using var alone = new BackendSession(factory, test);
            Assert.Equal(Logits(alone, alone.AddAdapter(Adapter(test, i)), 3), Logits(session, slots[i], 3));
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>No room is an answer, nothing is taken for it, and whoever gives an adapter back makes room; an adapter that is larger than all of it never has any.</summary>
    [Theory]
    [MemberData(nameof(Factories))]
    public void PrepareAdapter_NoRoom_TakesNothing(BackendFactory factory)
    {
        var test = TestProgram.Create(Shape);
        using var session = new BackendSession(factory, test, pages: 2048, adapterPages: PagesOf(factory, test, Adapter(test, 0)));
        using (session.Prepare(Adapter(test, 0)))
        {
            Assert.Null(session.Backend.PrepareAdapter(test.CreateAdapter(1, _ => 1)));
        }

        Assert.Null(session.Backend.PrepareAdapter(test.CreateAdapter(1, _ => 64)));
        session.Prepare(Adapter(test, 1)).Dispose();
        using var none = new BackendSession(factory, test, adapterPages: 0);
        Assert.Null(none.Backend.PrepareAdapter(Adapter(test, 0)));
    }

    [Fact]
    public void PackAdapter_GivenBack_IsRefused()
    {
        var test = TestProgram.Create(Shape);
        using var session = new BackendSession(CudaFactory.Default, test);
        var adapter = session.Prepare(Adapter(test, 0));
        adapter.Dispose();
        adapter.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Backend.PackAdapter(0, adapter, session.TakePages(adapter)));
    }

    /// <summary>Four threads prepare and load into other slots, beside steps: every step has the bits that it has alone, and every adapter is whole in the end.</summary>
    [Fact]
    public async Task PrepareAdapter_ByFourThreadsBesideSteps_ChangesNothing()
    {
        const int Threads = 4;
        const int Loads = 12;
        var test = TestProgram.Create(Shape);
        using var session = new BackendSession(CudaFactory.Deterministic, test, pages: 2048, adapterPages: Threads * PagesOf(CudaFactory.Deterministic, test, Adapter(test, 0)));
        var resident = session.AddAdapter(test.CreateAdapter(100, _ => 16));
        var expected = Logits(session, resident, 5);
        var slots = new int[Loads];
        var turn = new Lock();
        var loading = Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (var i = thread; i < Loads; i += Threads)
            {
                using var prepared = session.Prepare(Adapter(test, i));
                lock (turn)
                {
                    // The session hands out slots and pages to one thread at a time.
                    slots[i] = session.Add(prepared);
                }
            }
        })));
        do
        {
            // The step that was built, over and over: its pages are its own.
            session.Execute();
            Assert.Equal(expected, session.Logits(0));
        }
        while (!loading.IsCompleted);
        await loading;
        for (var i = 0; i < Loads; i++)
        {
            using var alone = new BackendSession(CudaFactory.Deterministic, test);
            Assert.Equal(Logits(alone, alone.AddAdapter(Adapter(test, i)), 3), Logits(session, slots[i], 3));
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>An adapter whose matrix is shorter than it says: the caller hears of it, the memory that was taken for it is free again, and the next one is whole.</summary>
    [Theory]
    [MemberData(nameof(Factories))]
    public void PrepareAdapter_AMatrixIsTooShort_LosesNoMemory(BackendFactory factory)
    {
        var test = TestProgram.Create(Shape);
        using var session = new BackendSession(factory, test, pages: 1024, adapterPages: PagesOf(factory, test, Adapter(test, 0)));
        var slices = Adapter(test, 0).Slices.ToArray();
        slices[^1] = slices[^1] with { B = slices[^1].B[..^1] };
        Assert.ThrowsAny<ArgumentException>(() => session.Backend.PrepareAdapter(new AdapterWeights(slices)));
        using var alone = new BackendSession(factory, test);
        Assert.Equal(Logits(alone, alone.AddAdapter(Adapter(test, 3)), 4), Logits(session, session.AddAdapter(Adapter(test, 3)), 4));
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>A device that fails at any operation of loads, one of which waits for memory of the one before: the load, or what waits for it, says so; the backend can be disposed of.</summary>
    [Fact]
    public void PackAdapter_DeviceFails_IsACudaExceptionWhereverItFails()
    {
        CudaEmulator.RequireEmulated();
        var test = TestProgram.Create(Shape);
        var failing = new BackendFactory("cuda, device 1", true, program => new CudaBackend(program, new CudaBackendOptions { Ordinal = FailingDevice, Deterministic = true }));
        var pages = PagesOf(failing, test, Adapter(test, 0));
        var failures = 0UL;
        while (FailsAfter(failures))
        {
            failures++;
        }

        Assert.InRange(failures, 10UL, 500UL);

        bool FailsAfter(ulong operations)
        {
            try
            {
                using var session = new BackendSession(failing, test, adapterPages: pages);
                CudaEmulator.FailAfter(FailingDevice, operations, 700);
                session.AddAdapter(Adapter(test, 1));
                session.AddAdapter(Adapter(test, 2));
                ((CudaBackend)session.Backend).AwaitAdapters();
                return false;
            }
            catch (CudaException exception)
            {
                Assert.Equal(700, exception.Code);
                return true;
            }
            finally
            {
                CudaEmulator.Reset(FailingDevice);
            }
        }
    }

    /// <summary>Adapters of equal size, whatever their number.</summary>
    private static AdapterWeights Adapter(TestProgram test, int seed) => test.CreateAdapter(seed, _ => 17 + (seed % 8));

    private static int PagesOf(BackendFactory factory, TestProgram test, AdapterWeights adapter)
    {
        CudaEmulator.Require();
        using var backend = factory.Create(test.Program);
        return (int)(backend.PreparedBytesOf(adapter) / backend.PageBytes / backend.DeviceMemory!.Count);
    }

    private static float[] Logits(BackendSession session, int slot, int rows)
    {
        session.Inputs.Clear();
        new TestSequence(session, slot).AddChunk([.. Enumerable.Range(1, rows)], last: Greedy);
        session.Execute();
        return session.Logits(0);
    }
}

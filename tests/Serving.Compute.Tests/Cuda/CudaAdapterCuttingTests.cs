using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Adapters that several threads cut: while steps go on, where cutting fails, and where the device does.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaAdapterCuttingTests
{
    private const int FailingDevice = 1;

    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };
    private static readonly BackendFactory One = Of(0, 1);
    private static readonly BackendFactory Four = Of(0, 4);

    /// <summary>Loads into other slots, over and over, beside steps: every step has the bits that it has alone, and every adapter is whole in the end.</summary>
    [Fact]
    public async Task PackAdapter_ByFourThreadsBesideSteps_ChangesNothing()
    {
        const int Loads = 12;
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(Four, test, pages: 2048);
        var resident = session.AddAdapter(test.CreateAdapter(100, _ => 16));
        var expected = Logits(session, resident, 5);
        var slots = new int[Loads];
        var loading = Task.Run(() =>
        {
            for (var i = 0; i < Loads; i++)
            {
                slots[i] = session.AddAdapter(Adapter(test, i));
            }
        });
        do
        {
            // The step that was built, over and over: its pages are its own, and the session hands out pages to one thread at a time.
            session.Execute();
            Assert.Equal(expected, session.Logits(0));
        }
        while (!loading.IsCompleted);
        await loading;
        for (var i = 0; i < Loads; i++)
        {
            using var alone = new BackendSession(One, test, pages: 512);
            Assert.Equal(Logits(alone, alone.AddAdapter(Adapter(test, i)), 3), Logits(session, slots[i], 3));
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>An adapter whose matrix is shorter than it says: the caller hears of it, the slot keeps what it had, and the next load is whole.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void PackAdapter_AMatrixIsTooShort_LeavesTheSlotAsItWas(int threads)
    {
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(Of(0, threads), test, pages: 1024);
        var slot = session.AddAdapter(test.CreateAdapter(1, _ => 16));
        var expected = Logits(session, slot, 5);
        FailToPack(session, slot);
        Assert.Equal(expected, Logits(session, slot, 5));
        using var alone = new BackendSession(One, test, pages: 512);
        var whole = test.CreateAdapter(3, _ => 24);
        Assert.Equal(Logits(alone, alone.AddAdapter(whole), 4), Logits(session, session.AddAdapter(whole), 4));
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>Pages of a load that failed in its middle may be given to others at once: nothing of it arrives later.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void PackAdapter_Failed_HasNoCopiesUnderWay(int threads)
    {
        Assert.Equal(Answer(fails: false), Answer(fails: true));

        float[] Answer(bool fails)
        {
            var test = TestProgram.Create(new TestShape());
            using var session = new BackendSession(Of(0, threads), test, pages: 1024);
            if (fails)
            {
                FailToPack(session, 63);
            }

            var sequence = new TestSequence(session);
            sequence.AddChunk([.. Enumerable.Range(1, 90)], last: Greedy);
            session.Execute();

            // A later load, a step that waits for it, and the sequence again.
            Logits(session, session.AddAdapter(test.CreateAdapter(2, _ => 8)), 3);
            session.Inputs.Clear();
            sequence.AddChunk([7], last: Greedy);
            session.Execute();
            return session.Logits(0);
        }
    }

    /// <summary>A device that fails at any operation of a load: the load, or what waits for it, says so; the backend can be disposed of.</summary>
    [Fact]
    public void PackAdapter_DeviceFails_IsACudaExceptionWhereverItFails()
    {
        CudaEmulator.RequireEmulated();
        var test = TestProgram.Create(new TestShape());
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
                using var session = new BackendSession(Of(FailingDevice, 3), test);
                CudaEmulator.FailAfter(FailingDevice, operations, 700);
                session.AddAdapter(test.CreateAdapter(1, _ => 24));
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

    private static BackendFactory Of(int device, int threads) => new($"cuda, {threads} cut", true, program =>
    {
        CudaEmulator.Require();
        return new CudaBackend(program, new CudaBackendOptions { Ordinal = device, CuttingThreads = threads, Deterministic = true });
    });

    /// <summary>Packs an adapter whose last matrix lacks an element, and gives its pages back.</summary>
    private static void FailToPack(BackendSession session, int slot)
    {
        var slices = session.Test.CreateAdapter(2, _ => 24).Slices.ToArray();
        int[] pages = [.. Enumerable.Range(0, session.Backend.PageCountOf(new AdapterWeights(slices))).Select(_ => session.TakePage())];
        slices[^1] = slices[^1] with { B = slices[^1].B[..^1] };
        Assert.ThrowsAny<ArgumentException>(() => session.Backend.PackAdapter(slot, new AdapterWeights(slices), pages));
        session.ReturnPages(pages);
    }

    private static AdapterWeights Adapter(TestProgram test, int seed) => test.CreateAdapter(seed, _ => 1 + (seed * 7 % 40));

    private static float[] Logits(BackendSession session, int slot, int rows)
    {
        session.Inputs.Clear();
        new TestSequence(session, slot).AddChunk([.. Enumerable.Range(1, rows)], last: Greedy);
        session.Execute();
        return session.Logits(0);
    }
}

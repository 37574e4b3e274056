using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Parallel;
using Serving.Compute.Programs.Sharding;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Driver;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>What several ranks are together: equal samples, two steps under way, one failure for all, memory of the smallest.</summary>
[Collection(EmulatorCollection.Name)]
public sealed partial class TensorParallelTests : IDisposable
{
    private static readonly SampleRow Sampled = new() { TargetToken = -1, TopLogprobs = 3, TopP = 0.9f, Temperature = 1, RepetitionPenalty = 1, Seed = 5 };

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <summary>Every rank samples for itself, from the same bits: its next step embeds what the others' next step embeds.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Execute_TwoRanks_SampleTheSame(bool mixture)
    {
        var test = TestProgram.Create(mixture ? ParallelFactory.Shareable(TestShape.GptOss) : new TestShape());
        using var session = new BackendSession(ParallelFactory.Default, test);
        var slot = session.AddAdapter(test.CreateAdapter(3, _ => 12));
        var ranks = (TensorParallelBackend)session.Backend;
        var sequences = Enumerable.Range(0, 5).Select(i => new TestSequence(session, i % 2 == 0 ? slot : -1)).ToArray();
        for (var step = 0; step < 3; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < sequences.Length; i++)
            {
                sequences[i].AddChunk(step == 0 ? [.. Enumerable.Range(i, 3 + i)] : [~i], last: Sampled with { OutputIndex = (uint)step });
            }

            session.Execute();
            Assert.Equal(session.Outputs.TokenIds[..5], ranks.OutputsOf(1).TokenIds[..5]);
            Assert.Equal(session.Outputs.Logprobs[..5], ranks.OutputsOf(1).Logprobs[..5]);
            Assert.True(session.Outputs.TokenIds[..5].Distinct().Count() > 1, "Equal samples everywhere would show nothing.");
        }
    }

    /// <summary>What chooses experts has to come out alike everywhere; a dense model has nothing of the kind.</summary>
    [Fact]
    public void Devices_OfDifferentKinds_RunNoMixture()
    {
        var (mixture, dense) = (TestProgram.Create(TestShape.Mixture).Program, TestProgram.Create(new TestShape()).Program);
        Assert.Contains("one kind", TensorParallelBackend.ReasonAgainst(mixture, ["A100", "H100", "A100"]), StringComparison.Ordinal);
        Assert.Null(TensorParallelBackend.ReasonAgainst(mixture, ["A100", "A100"]));
        Assert.Null(TensorParallelBackend.ReasonAgainst(dense, ["A100", "H100"]));
    }

    /// <summary>Three ranks, and widths that none of them has a whole number of cells of.</summary>
    [Fact]
    public void Execute_ThreeRanks_MatchOneBackend()
    {
        using var gpus = new ThreeGpus();
        var test = TestProgram.Create(new TestShape { Hidden = 100, Intermediate = 70, Heads = 6, KvHeads = 3, HeadSize = 18, Vocabulary = 133, Bias = true, Tied = false });
        var adapter = test.CreateAdapter(9, slice => 1 + (slice.Index * 7 % 19));
        var (expected, actual) = (Answer(CudaFactory.Deterministic, test, adapter), Answer(ParallelFactory.OfThree(deterministic: true), test, adapter));
        var spread = Math.Sqrt(expected.Average(value => (double)value * value));
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 0.03 * spread));
    }

    /// <summary>
    /// Prefill and recorded steps with adapters, the order of blocks, threads and graph nodes drawn: what ranks exchange beside the base product is there when it is read.
    /// </summary>
    [Fact]
    public void Execute_InDrawnOrders_GivesTheSameBits()
    {
        CudaEmulator.RequireEmulated();
        var test = TestProgram.Create(new TestShape());
        var expected = Decode(test);
        try
        {
            foreach (var seed in (ulong[])[1, 77, 20_260_101])
            {
                SetSeed(seed);
                Assert.Equal(expected, Decode(test));
            }
        }
        finally
        {
            SetSeed(0);
        }
    }

    /// <summary>A step begun before the one under way has ended takes its tokens from every rank's own device.</summary>
    [Fact]
    public void Begin_WhileOneRuns_FeedsItsTokens()
    {
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(ParallelFactory.Deterministic, test);
        var backend = (IAsynchronousBackend)session.Backend;
        var (behind, ahead) = (new TestSequence(session), new TestSequence(session));
        var expected = new List<int>();
        for (var i = 0; i < 4; i++)
        {
            session.Inputs.Clear();
            behind.AddChunk(i == 0 ? [3, 1, 4] : [expected[^1]], last: Sampled with { OutputIndex = (uint)i });
            session.Execute();
            expected.Add(session.Outputs.TokenIds[0]);
        }

        var actual = new List<int>();
        for (var i = 0; i < 4; i++)
        {
            session.Inputs.Clear();
            ahead.AddChunk(i == 0 ? [3, 1, 4] : [~0], last: Sampled with { OutputIndex = (uint)i });
            backend.Begin(session.Inputs, session.Outputs);
            if (i > 0)
            {
                backend.End();
                actual.Add(session.Outputs.TokenIds[0]);
            }
        }

        backend.End();
        actual.Add(session.Outputs.TokenIds[0]);
        Assert.Equal(expected, actual);
    }

    /// <summary>Mistakes of the caller's are said before any rank has gone ahead of the others: what is under way ends as if nothing had been.</summary>
    [Fact]
    public void Begin_ThirdTime_IsRefusedAndHarmsNothing()
    {
        using var session = new BackendSession(ParallelFactory.Default, TestProgram.Create(new TestShape()));
        var backend = (IAsynchronousBackend)session.Backend;
        Assert.Throws<ComputeException>(backend.End);
        new TestSequence(session).AddChunk([1, 2], last: Sampled);
        backend.Begin(session.Inputs, session.Outputs);
        backend.Begin(session.Inputs, session.Outputs);
        Assert.Throws<ComputeException>(() => backend.Begin(session.Inputs, session.Outputs));
        backend.End();
        backend.End();
        session.Execute();
    }

    /// <summary>A step costs the thread that runs it no memory once arrays have grown.</summary>
    [Fact]
    public void Execute_AfterTheFirst_AllocatesNothing()
    {
        using var session = new BackendSession(ParallelFactory.Default, TestProgram.Create(new TestShape()));
        new TestSequence(session).AddChunk([1, 2, 3], last: Sampled);
        var outputs = new StepOutputs(session.Limits, session.Test.Shape.Vocabulary);
        session.Backend.Execute(session.Inputs, outputs);
        var before = GC.GetAllocatedBytesForCurrentThread();
        session.Backend.Execute(session.Inputs, outputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>
    /// A device that fails within a step: its rank says so, the other one, which waits for it on its device, is freed, and the backend is done with. Nobody hangs, at disposal
    /// neither. In the middle of a prefill and of a recorded step.
    /// </summary>
    [Theory]
    [InlineData(7, 3)]
    [InlineData(40, 3)]
    [InlineData(1, 1)]
    public void Execute_OneDeviceFails_EndsAllRanks(int operations, int rows)
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        using (var session = new BackendSession(ParallelFactory.Default, TestProgram.Create(new TestShape())))
        {
            new TestSequence(session).AddChunk([.. Enumerable.Range(1, rows)], last: Sampled);
            CudaEmulator.FailAfter(1, (ulong)operations, 700);
            var error = Assert.ThrowsAny<ComputeException>(session.Execute);
            Assert.Contains("rank 1 of 2", error.Message, StringComparison.Ordinal);
            Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("rank 0", error.Message, StringComparison.Ordinal);
            Assert.ThrowsAny<ComputeException>(session.Execute);
        }
    }

    /// <summary>The same while the ranks are joined, at every operation that the device comes to: the other rank is not left waiting.</summary>
    [Fact]
    public void Create_OneDeviceFails_EndsAllRanks()
    {
        CudaEmulator.RequireEmulated();
        var program = TestProgram.Create(new TestShape()).Program;
        var operations = 0UL;
        while (FailureAt(operations) is { } message)
        {
            Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)", message, StringComparison.Ordinal);
            operations++;
        }

        Assert.InRange(operations, 1UL, 100UL);

        // What is said when device 1 fails after so many operations; null when it is not asked for that many.
        string? FailureAt(ulong after)
        {
            CudaEmulator.FailAfter(1, after, 700);
            try
            {
                using var backend = ParallelFactory.Default.Create(program);
                return null;
            }
            catch (ComputeException exception)
            {
                return exception.Message;
            }
            finally
            {
                CudaEmulator.Reset(1);
            }
        }
    }

    /// <summary>One rank's part is refused by a backend that has no other ranks.</summary>
    [Fact]
    public void AllocatePool_PartWithoutOtherRanks_IsRefused()
    {
        var part = ProgramSharding.Create(TestProgram.Create(new TestShape()).Program, 0, 2).Program;
        using var backend = CudaFactory.Default.Create(part);
        var error = Assert.Throws<ComputeException>(() => backend.AllocatePool(new PoolShape(4, backend.PageBytes, 1), new StepLimits(2, 2, 2, 64)));
        Assert.Contains("other ranks", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A page is a page on every rank, with half of what it holds; an adapter takes about half as many bytes of each.</summary>
    [Fact]
    public void Sizes_TwoRanks_AreThoseOfOneDevice()
    {
        var test = TestProgram.Create(new TestShape { Hidden = 256, Intermediate = 512, HeadSize = 128, Tied = false });
        var adapter = test.CreateAdapter(1, _ => 64);
        using var ranks = ParallelFactory.Default.Create(test.Program);
        using var whole = CudaFactory.Default.Create(test.Program);
        Assert.Equal(whole.PageBytes, 2 * ranks.PageBytes);
        Assert.InRange(ranks.PreparedBytesOf(adapter), 1, whole.PreparedBytesOf(adapter) + (2 * whole.PageBytes));
        var (all, part) = (test.Program.Weights.Sum(weight => whole.PackedBytes(weight.Index)), test.Program.Weights.Sum(weight => ranks.PackedBytes(weight.Index)));
        Assert.InRange(part, all / 2, (all / 2) + whole.PackedBytes(0) + 4096);
        Assert.Equal((2, whole.DeviceMemory!.TotalBytes), (ranks.DeviceMemory!.Count, ranks.DeviceMemory.TotalBytes));
        Assert.Equal(2, ranks.ThreadCount);
    }

    [Fact]
    public void Select_TwoGpus_IsOneBackendOnBoth()
    {
        TwoGpus.Require();
        var options = new DeviceOptions { Device = DeviceKind.Cuda, Ordinals = [0, 1] };
        var (backend, note) = BackendSelector.Create(TestProgram.Create(new TestShape()).Program, options);
        using (backend)
        {
            Assert.Equal(("cuda", 2), (backend.Name, backend.ThreadCount));
            Assert.Equal(2, backend.DeviceMemory!.Count);
            Assert.Empty(note);
        }
    }

    [Fact]
    public void Create_HeadsThatDoNotDivide_SaysSo()
    {
        TwoGpus.Require();
        var error = Assert.Throws<PlatformNotSupportedException>(() => ParallelFactory.Default.Create(TestProgram.Create(new TestShape { KvHeads = 1 }).Program));
        Assert.Contains("1 key/value heads", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The second device is not there: the first is given back.</summary>
    [Fact]
    public void Create_DeviceThatIsNotThere_SaysWhich()
    {
        TwoGpus.Require();
        var program = TestProgram.Create(new TestShape()).Program;
        var error = Assert.Throws<PlatformNotSupportedException>(() => new TensorParallelBackend(program, new TensorParallelOptions { Ordinals = [0, 63] }));
        Assert.Contains("no GPU 63", error.Message, StringComparison.Ordinal);
    }

    private static float[] Decode(TestProgram test)
    {
        using var session = new BackendSession(ParallelFactory.Deterministic, test);
        var slot = session.AddAdapter(test.CreateAdapter(3, _ => 12));
        var sequences = Enumerable.Range(0, 4).Select(i => new TestSequence(session, i % 2 == 0 ? slot : -1)).ToArray();
        var logits = new List<float>();
        for (var step = 0; step < 3; step++)
        {
            session.Inputs.Clear();
            foreach (var sequence in sequences)
            {
                sequence.AddChunk(step == 0 ? [4, 8, 15, 16, 23] : [42 + step], last: Sampled);
            }

            session.Execute();
            logits.AddRange(Enumerable.Range(0, sequences.Length).SelectMany(session.Logits));
        }

        return [.. logits];
    }

    private static float[] Answer(BackendFactory factory, TestProgram test, AdapterWeights adapter)
    {
        using var session = new BackendSession(factory, test);
        var slot = session.AddAdapter(adapter);
        new TestSequence(session, slot).AddChunk([5, 9, 77, 132, 4], last: Sampled);
        new TestSequence(session).AddChunk([5, 9, 77], last: Sampled);
        session.Execute();
        return [.. session.Logits(0), .. session.Logits(1)];
    }

    [LibraryImport("serving_cuda_emulator", EntryPoint = "srv_emulator_set_seed")]
    private static partial void SetSeed(ulong seed);
}

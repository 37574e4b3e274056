using Serving.Compute.Backends;
using Serving.Compute.Managed;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Managed;

/// <summary>What only the managed backend promises.</summary>
public sealed class ManagedBackendTests
{
    private static readonly SampleRow Sampled = new() { TargetToken = -1, TopLogprobs = 20, Temperature = 1, TopK = 40, TopP = 0.9f, MinP = 0.01f, RepetitionPenalty = 1.1f };

    /// <summary>A step allocates nothing once it has run a few times: prefill, decode, adapters, sampling and logprobs.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Execute_AfterWarmUp_AllocatesNothing(int threads)
    {
        using var session = Session(new ManagedBackendOptions { Threads = threads }, new TestShape { Hidden = 256, Intermediate = 512, HeadSize = 64, Vocabulary = 3000 });
        var slot = session.AddAdapter(session.Test.CreateAdapter(1, _ => 9));
        session.Inputs.Clear();
        new TestSequence(session, slot).AddChunk([.. Enumerable.Range(0, 70)], last: Sampled);
        new TestSequence(session).AddChunk([5, 6, 7], every: Sampled);
        session.Inputs.AddCopy(session.TakePage(), session.TakePage(), 9);

        // The runtime allocates on its own account a few times at first, when a monitor is first waited on for example.
        Assert.Equal(0, Enumerable.Range(0, 6).Select(_ => AllocatedInSteps(session, 10)).Min());
    }

    /// <summary>The number of threads changes no bit.</summary>
    [Fact]
    public void Execute_AnyThreads_GivesTheSameBits()
    {
        var expected = Logits(new ManagedBackendOptions { Threads = 1 });
        foreach (var threads in new[] { 2, 5, 8 })
        {
            Assert.Equal(expected, Logits(new ManagedBackendOptions { Threads = threads }));
        }
    }

    /// <summary>Vectors of 512 bits, which .NET computes in halves where the processor has none, give what narrower ones give, up to the order of sums.</summary>
    [Fact]
    public void Execute_WidestVectors_IsNearTheOthers()
    {
        var expected = Logits(new ManagedBackendOptions { Exact = true, VectorBits = 256 });
        var widest = Logits(new ManagedBackendOptions { Exact = true, VectorBits = 512 });
        Assert.Equal(expected.Length, widest.Length);
        Assert.All(expected.Zip(widest), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Properties_OfEveryWidth_NameIt()
    {
        var test = TestProgram.Create(new TestShape());
        foreach (var bits in new[] { 128, 256, 512 })
        {
            using var backend = new ManagedBackend(test.Program, new ManagedBackendOptions { VectorBits = bits, Threads = 2 });
            Assert.Equal(("managed", $"vector{bits}", 2), (backend.Name, backend.InstructionSet, backend.ThreadCount));
        }
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(9, 0)]
    [InlineData(1, 64)]
    public void Create_OptionsOutOfRange_Throws(int threads, int bits) => Assert.Throws<ArgumentOutOfRangeException>(() =>
        new ManagedBackend(TestProgram.Create(new TestShape()).Program, new ManagedBackendOptions { Threads = threads, VectorBits = bits }));

    [Fact]
    public void AllocatePool_Twice_Throws()
    {
        using var session = Session(new ManagedBackendOptions { Threads = 1 }, new TestShape());
        Assert.Throws<InvalidOperationException>(() => session.Backend.AllocatePool(new PoolShape(1, 4096, 1), session.Limits));
    }

    [Fact]
    public void PackAdapter_TooFewPages_Throws()
    {
        using var session = Session(new ManagedBackendOptions { Threads = 1 }, new TestShape());
        using var adapter = session.Prepare(session.Test.CreateAdapter(1, _ => 16));
        Assert.True(adapter.PageCount > 1);
        Assert.Throws<ArgumentException>(() => session.Backend.PackAdapter(0, adapter, [3]));
    }

    private static long AllocatedInSteps(BackendSession session, int steps)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < steps; i++)
        {
            session.Execute();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static BackendSession Session(ManagedBackendOptions options, TestShape shape) =>
        new(new BackendFactory("managed", !options.Exact, program => new ManagedBackend(program, options)), TestProgram.Create(shape));

    private static float[] Logits(ManagedBackendOptions options)
    {
        using var session = Session(options, new TestShape { Hidden = 256, Intermediate = 320, HeadSize = 64 });
        var slot = session.AddAdapter(session.Test.CreateAdapter(1, _ => 20));
        session.Inputs.Clear();
        new TestSequence(session, slot).AddChunk([.. Enumerable.Range(0, 90)]);
        new TestSequence(session).AddChunk([.. Enumerable.Range(3, 80)], last: Sampled);
        session.Execute();
        return session.Logits(0);
    }
}

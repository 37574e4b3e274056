using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda;

/// <summary>What a step costs the host, and two steps under way.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaHotPathTests
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    /// <summary>Prefill (launch by launch) and decode (recorded), with adapters: nothing is allocated once arrays have grown.</summary>
    [Theory]
    [InlineData(5, false)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    public void Execute_AfterTheFirst_AllocatesNothing(int rows, bool remembers)
    {
        var test = TestProgram.Create(remembers ? TestShape.Hybrid : new TestShape { HeadSize = 64 });
        using var session = new BackendSession(CudaFactory.Default, test);
        var slot = session.AddAdapter(test.CreateAdapter(1, _ => 20));
        var outputs = new StepOutputs(session.Limits, test.Shape.Vocabulary);
        session.Inputs.Clear();
        for (var i = 0; i < 6; i++)
        {
            new TestSequence(session, i % 2 == 0 ? slot : -1).AddChunk([.. Enumerable.Range(i, rows)], last: Greedy);
        }

        for (var i = 0; i < 3; i++)
        {
            session.Backend.Execute(session.Inputs, outputs);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        session.Backend.Execute(session.Inputs, outputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>A step begun before the one under way has ended takes its tokens from the device, and gives what they give one after the other.</summary>
    [Fact]
    public void Begin_WhileOneRuns_FeedsItsTokens()
    {
        var test = TestProgram.Create(new TestShape());
        int[] prompt = [3, 1, 4, 1, 5];
        var expected = new List<int>();
        using (var session = new BackendSession(CudaFactory.Deterministic, test))
        {
            var sequence = new TestSequence(session);
            for (var i = 0; i < 6; i++)
            {
                session.Inputs.Clear();
                sequence.AddChunk(i == 0 ? prompt : [expected[^1]], last: Greedy);
                session.Execute();
                expected.Add(session.Outputs.TokenIds[0]);
            }
        }

        using var ahead = new BackendSession(CudaFactory.Deterministic, test);
        var backend = (IAsynchronousBackend)ahead.Backend;
        var next = new TestSequence(ahead);
        var actual = new List<int>();
        for (var i = 0; i < 6; i++)
        {
            ahead.Inputs.Clear();
            next.AddChunk(i == 0 ? prompt : [~0], last: Greedy);
            backend.Begin(ahead.Inputs, ahead.Outputs);
            if (i > 0)
            {
                backend.End();
                actual.Add(ahead.Outputs.TokenIds[0]);
            }
        }

        backend.End();
        actual.Add(ahead.Outputs.TokenIds[0]);
        Assert.Equal(expected, actual);
    }

    /// <summary>A third step, or an end without a beginning, is a mistake of the caller's and said so.</summary>
    [Fact]
    public void Begin_ThirdTime_IsRefused()
    {
        using var session = new BackendSession(CudaFactory.Default, TestProgram.Create(new TestShape()));
        var backend = (IAsynchronousBackend)session.Backend;
        Assert.Throws<ComputeException>(backend.End);
        new TestSequence(session).AddChunk([1, 2], last: Greedy);
        backend.Begin(session.Inputs, session.Outputs);
        backend.Begin(session.Inputs, session.Outputs);
        Assert.Throws<ComputeException>(() => backend.Begin(session.Inputs, session.Outputs));
        backend.End();
        backend.End();
    }

    /// <summary>A recorded step and the same launched one by one give the same bits, in batches that fill no recording.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(33)]
    public void Execute_Recorded_EqualsLaunchByLaunch(int sequences)
    {
        var test = TestProgram.Create(new TestShape { HeadSize = 64, KvHeads = 1 });
        var (recorded, eager) = (Decode(CudaFactory.Deterministic, test, sequences), Decode(CudaFactory.Eager, test, sequences));
        Assert.Equal(eager, recorded);
    }

    private static float[] Decode(BackendFactory factory, TestProgram test, int count)
    {
        using var session = new BackendSession(factory, test, maxRows: 512);
        var slot = session.AddAdapter(test.CreateAdapter(1, slice => slice.Index % 5 == 0 ? 0 : 9));
        var sequences = Enumerable.Range(0, count).Select(i => new TestSequence(session, i % 3 == 0 ? -1 : slot)).ToArray();
        for (var step = 0; step < 3; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < count; i++)
            {
                sequences[i].AddChunk(step == 0 ? [.. Enumerable.Range(i, 1 + (i % 19))] : [(i + step) % test.Shape.Vocabulary], last: Greedy);
            }

            session.Execute();
        }

        return [.. Enumerable.Range(0, count).SelectMany(session.Logits)];
    }
}

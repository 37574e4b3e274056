using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Vectors;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Steps that are begun before it is known what their constrained rows may sample: recorded, launch by launch, and by two ranks.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class LateMaskTests : IDisposable
{
    private const int Sequences = 10;
    private const int Steps = 6;

    private static readonly SampleRow Sampled = new() { TargetToken = -1, TopLogprobs = 2, TopP = 1, Temperature = 1, RepetitionPenalty = 1 };

    private static readonly Dictionary<string, BackendFactory> Factories = new()
    {
        ["recorded"] = CudaFactory.Deterministic,
        ["launch by launch"] = CudaFactory.Eager,
        ["two ranks"] = ParallelFactory.Deterministic,
    };

    /// <summary>How the steps are run.</summary>
    public static TheoryData<string> Names => [.. Factories.Keys];

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <summary>Free rows, rows under masks that follow from the token before, and rows under penalties, each step begun while the one before runs: the bits of steps that were run one after the other.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Sample_MasksFromTheStepBefore_GivesTheBitsOfOneStepAfterTheOther(string name)
    {
        var test = TestProgram.Create(new TestShape { HeadSize = 64, KvHeads = 2, Heads = 4 });
        Answers expected = new(), actual = new();
        using (var session = new BackendSession(Factories[name], test))
        {
            OneByOne(session, expected);
        }

        using (var session = new BackendSession(Factories[name], test))
        {
            Ahead(session, actual);
        }

        for (var i = 0; i < Sequences; i++)
        {
            // The last step's masks of some rows never came: those may be anything, and no other row knows of it.
            var count = LacksItsMask(i, Steps - 1) ? Steps - 1 : Steps;
            Assert.Equal(expected.Tokens[i].Take(count), actual.Tokens[i].Take(count));
            Assert.Equal(expected.Logprobs[i].Take(count), actual.Logprobs[i].Take(count));
        }
    }

    /// <summary>What is called out of turn is said, and harms nothing: what is under way ends as if nothing had been.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Sample_OutOfTurn_IsRefused(string name)
    {
        using var session = new BackendSession(Factories[name], TestProgram.Create(new TestShape { HeadSize = 64, KvHeads = 2, Heads = 4 }));
        var backend = (IAsynchronousBackend)session.Backend;
        var known = new StepInputs();
        Assert.Throws<ComputeException>(() => backend.Sample(session.Inputs));
        var words = SamplingCaseRow.MaskOf(session.Test.Shape.Vocabulary, [7]);
        new TestSequence(session).AddChunk([1, 2], last: Sampled with { FirstMask = session.Inputs.AddLateMask(words.Length), MaskWords = words.Length });
        backend.Begin(session.Inputs, session.Outputs);
        Assert.Throws<ComputeException>(backend.End);
        Assert.Throws<ComputeException>(() => backend.Begin(known, session.Outputs));
        session.Inputs.FillMask(0, words);
        backend.Sample(session.Inputs);
        Assert.Throws<ComputeException>(() => backend.Sample(session.Inputs));
        backend.End();
        Assert.Equal(7, session.Outputs.TokenIds[0]);
    }

    /// <summary>The host pays nothing for it, once arrays have grown.</summary>
    [Fact]
    public void Sample_AfterTheFirst_AllocatesNothing()
    {
        using var session = new BackendSession(CudaFactory.Deterministic, TestProgram.Create(new TestShape { HeadSize = 64 }));
        var backend = (IAsynchronousBackend)session.Backend;
        var outputs = new StepOutputs(session.Limits, session.Test.Shape.Vocabulary);
        var words = SamplingCaseRow.MaskOf(session.Test.Shape.Vocabulary, [7, 8]);
        new TestSequence(session).AddChunk([1], last: Sampled with { FirstMask = session.Inputs.AddLateMask(words.Length), MaskWords = words.Length });
        var before = 0L;
        for (var i = 0; i < 4; i++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            backend.Begin(session.Inputs, outputs);
            session.Inputs.FillMask(0, words);
            backend.Sample(session.Inputs);
            backend.End();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static bool IsConstrained(int sequence) => sequence % 3 == 1;

    private static bool LacksItsMask(int sequence, int step) => step == Steps - 1 && sequence % 6 == 1;

    private static int[] PromptOf(int sequence) => [.. Enumerable.Range(sequence, 1 + (sequence % 4))];

    private static void OneByOne(BackendSession session, Answers answers)
    {
        var sequences = Enumerable.Range(0, Sequences).Select(_ => new TestSequence(session)).ToArray();
        for (var step = 0; step < Steps; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < Sequences; i++)
            {
                var mask = IsConstrained(i) ? session.Inputs.AddMask(MaskOf(session, i, answers.Tokens[i])) : -1;
                sequences[i].AddChunk(step == 0 ? PromptOf(i) : [answers.Tokens[i][^1]], last: Sampling(session, i, step, answers.Tokens[i], mask));
            }

            session.Execute();
            answers.Read(session.Outputs);
        }
    }

    private static void Ahead(BackendSession session, Answers answers)
    {
        var backend = (IAsynchronousBackend)session.Backend;
        var sequences = Enumerable.Range(0, Sequences).Select(_ => new TestSequence(session)).ToArray();
        for (var step = 0; step < Steps; step++)
        {
            session.Inputs.Clear();
            for (var i = 0; i < Sequences; i++)
            {
                var mask = !IsConstrained(i) ? -1 : step == 0 ? session.Inputs.AddMask(MaskOf(session, i, [])) : session.Inputs.AddLateMask(WordsOf(session));
                sequences[i].AddChunk(step == 0 ? PromptOf(i) : [~i], last: Sampling(session, i, step, answers.Tokens[i], mask));
            }

            backend.Begin(session.Inputs, session.Outputs);
            if (step == 0)
            {
                continue;
            }

            backend.End();
            answers.Read(session.Outputs);
            for (var i = 0; i < Sequences; i++)
            {
                if (IsConstrained(i) && !LacksItsMask(i, step))
                {
                    session.Inputs.FillMask(session.Inputs.Outputs[i].FirstMask, MaskOf(session, i, answers.Tokens[i]));
                }
            }

            backend.Sample(session.Inputs);
        }

        backend.End();
        answers.Read(session.Outputs);
    }

    private static int WordsOf(BackendSession session) => (session.Test.Shape.Vocabulary + 31) / 32;

    // Which tokens may come follows from the one before.
    private static uint[] MaskOf(BackendSession session, int sequence, List<int> told)
    {
        var vocabulary = session.Test.Shape.Vocabulary;
        var last = told.Count == 0 ? 0 : told[^1];
        return SamplingCaseRow.MaskOf(vocabulary, Enumerable.Range(0, vocabulary).Where(token => ((token * 5) + last + sequence) % 7 == 0));
    }

    private static SampleRow Sampling(BackendSession session, int sequence, int step, List<int> told, int mask)
    {
        var row = Sampled with { Seed = (ulong)sequence, OutputIndex = (uint)step, Temperature = sequence % 2 };
        if (mask >= 0)
        {
            row = row with { FirstMask = mask, MaskWords = WordsOf(session) };
        }

        if (sequence % 3 != 2)
        {
            return row;
        }

        var first = session.Inputs.PenaltyCount;
        foreach (var token in PromptOf(sequence).Union(told))
        {
            session.Inputs.AddPenalty(token, told.Count(other => other == token));
        }

        return row with { FirstPenalty = first, PenaltyCount = session.Inputs.PenaltyCount - first, FrequencyPenalty = 1, RepetitionPenalty = 1.5f };
    }

    /// <summary>What came, by sequence.</summary>
    private sealed class Answers
    {
        public List<int>[] Tokens { get; } = [.. Enumerable.Range(0, Sequences).Select(_ => new List<int>())];

        public List<uint>[] Logprobs { get; } = [.. Enumerable.Range(0, Sequences).Select(_ => new List<uint>())];

        public void Read(StepOutputs outputs)
        {
            for (var i = 0; i < Sequences; i++)
            {
                Tokens[i].Add(outputs.TokenIds[i]);
                Logprobs[i].Add(BitConverter.SingleToUInt32Bits(outputs.Logprobs[i]));
            }
        }
    }
}

using Serving.Compute.Numerics;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>
/// The law on one request's bits, with three ranks: NCCL, and the emulated one too, sums in an order that follows the number of values; deterministic mode does not. What
/// does not meet other ranks is held to the whole invariance contract on one device.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed class ParallelInvarianceTests : IDisposable
{
    private const int PromptLength = 29;
    private const int Outputs = 4;
    private const int Others = 25;
    private const int Ranks = 3;

    private static readonly TestShape Shape = new() { Hidden = 96, Intermediate = 144, Heads = 6, KvHeads = 3, Vocabulary = 133, Tied = false };
    private static readonly SampleRow Seeded = new() { TargetToken = -1, TopLogprobs = 2, Temperature = 0.9f, TopP = 0.95f, RepetitionPenalty = 1, Seed = 42 };

    private readonly ThreeGpus _gpus = new();

    public void Dispose()
    {
        _gpus.Dispose();
        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>In chunks, among others, and computed again in one chunk.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public void Answer_HoweverBatched_IsTheAnswerAlone(int adapter)
    {
        using var alone = World(deterministic: true);
        using var varied = World(deterministic: true);
        var expected = alone.Answer(alone.Begin(adapter), [PromptLength], outputs: Outputs);
        AssertEqual(expected, varied.Answer(varied.Begin(adapter), [7, 1, 13], outputs: Outputs));
        AssertEqual(expected, InCrowd(varied, adapter));
        var lost = varied.Begin(adapter);
        varied.Answer(lost, [PromptLength], outputs: 1);
        var again = varied.Begin(adapter);
        again.Recompute(lost);
        varied.Session.Execute();
        again.Read();
        AssertEqual(expected, varied.Answer(again, [1], outputs: Outputs - 2));
    }

    /// <summary>Sums left to NCCL change with the crowd: otherwise the test above would show nothing.</summary>
    [Fact]
    public void Answer_SumsLeftToNccl_ChangesInACrowd()
    {
        using var world = World(deterministic: false);
        var alone = world.Answer(world.Begin(-1), [PromptLength], outputs: 0);
        Assert.NotEqual(alone.Logits[0], InCrowd(world, -1, outputs: 0).Logits[0]);
    }

    private static InvarianceWorld World(bool deterministic) => new(ParallelFactory.OfThree(deterministic), Cancelling(), PromptLength, Seeded);

    /// <summary>
    /// A program whose heads all attend alike and whose o takes from the second rank's what it takes from the first's, 1,024 times what the third has: in another order the
    /// sum is off by so much that it shows behind the roundings.
    /// </summary>
    private static TestProgram Cancelling()
    {
        var test = TestProgram.Create(Shape);
        foreach (var weight in test.Program.Weights)
        {
            var values = test.Weights[weight.Index].AsSpan();
            if (weight.Name == "qkv")
            {
                var head = Shape.HeadSize * weight.Columns;
                var keys = Shape.Heads * head;
                Repeat(values[..keys], head);
                Repeat(values.Slice(keys, Shape.KvHeads * head), head);
                Repeat(values[(keys + (Shape.KvHeads * head))..], head);
            }
            else if (weight.Name == "o")
            {
                for (var row = 0; row < weight.Rows; row++)
                {
                    Cancel(values.Slice(row * weight.Columns, weight.Columns));
                }
            }
        }

        return test;
    }

    private static void Repeat(Span<ushort> values, int head)
    {
        for (var at = head; at < values.Length; at += head)
        {
            values[..head].CopyTo(values[at..]);
        }
    }

    private static void Cancel(Span<ushort> row)
    {
        var share = row.Length / Ranks;
        for (var i = 0; i < share; i++)
        {
            var value = 1024 * BFloat16Bits.ToSingle(row[i]);
            row[i] = BFloat16Bits.FromSingle(value);
            row[share + i] = BFloat16Bits.FromSingle(-value);
        }
    }

    private static InvarianceAnswer InCrowd(InvarianceWorld world, int adapter, int outputs = Outputs)
    {
        var others = world.Start(Others, adapter);
        var answer = world.Begin(adapter);
        for (var i = -1; i <= outputs; i++)
        {
            world.Session.Inputs.Clear();
            world.AddOthers(others);
            if (i < 0)
            {
                answer.AddPrompt(PromptLength);
            }
            else
            {
                answer.AddNext();
            }

            world.Session.Execute();
            if (i >= 0)
            {
                answer.Read();
            }
        }

        return answer;
    }

    private static void AssertEqual(InvarianceAnswer expected, InvarianceAnswer actual)
    {
        Assert.Equal(expected.Tokens, actual.Tokens);
        Assert.Equal(expected.Logprobs, actual.Logprobs);
        Assert.Equal(expected.Logits, actual.Logits);
    }
}

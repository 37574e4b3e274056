using System.Collections.Concurrent;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Contracts;

/// <summary>
/// What every backend must hold, part two: the answer to a request is the same bits whatever else is in the batch, however its prompt is cut, and whatever
/// was cached.
/// </summary>
public abstract class InvarianceContract
{
    private const int Generated = 6;

    /// <summary>Outputs, counted from 0, of a sequence whose prompt alone is wanted.</summary>
    private const int None = -1;

    /// <summary>Adapters of the world that a prompt is answered with; −1 for none.</summary>
    private static readonly int[] Adapters = [-1, 0, 3];

    /// <summary>What a backend, which is a class's and has a name, answers alone: what every kind of company is compared with, computed once.</summary>
    private static readonly ConcurrentDictionary<(Type Backend, string Factory, string Case), Lazy<InvarianceBits[]>> Alone = new();

    private static readonly SampleRow Seeded = new()
    {
        TargetToken = -1,
        TopLogprobs = 5,
        Temperature = 0.9f,
        TopP = 0.95f,
        RepetitionPenalty = 1,
        Seed = 42,
    };

    /// <summary>Shapes: the bundled model's proportions, odd sizes, and long enough contexts for more than one split.</summary>
    private static readonly IReadOnlyDictionary<string, (TestShape Shape, int Prompt)> Cases = new Dictionary<string, (TestShape, int)>
    {
        ["demo"] = (new TestShape { Hidden = 256, Intermediate = 704, HeadSize = 64, Vocabulary = 300, Tied = false }, 75),
        ["odd"] = (new TestShape { Hidden = 100, Intermediate = 70, Heads = 6, KvHeads = 2, HeadSize = 18, Vocabulary = 133, Bias = true, Tied = false, HasMagnitudes = true }, 41),
        ["head80"] = (new TestShape { Hidden = 160, Heads = 8, KvHeads = 1, HeadSize = 80, HeadNorm = true, NormsTurned = true }, 33),
        ["gemma2"] = (TestShape.Gemma2, 75),
        ["gemma3"] = (TestShape.Gemma3, 75),
        ["olmo"] = (TestShape.Olmo3, 75),
        ["layer norms"] = (TestShape.LayerNorms, 41),
        ["mixture"] = (TestShape.Mixture with { Experts = 7, Choices = 3 }, 75),
        ["gpt-oss"] = (TestShape.GptOss with { Experts = 7, Choices = 3, HeadSize = 64, AdaptsExperts = true }, 75),
        ["long sinks"] = (new TestShape { Layers = 2, Oss = true, Window = 530, HeadSize = 64, Tied = false }, 1090),
        ["mixture adapters"] = (TestShape.Mixture with { Experts = 7, Choices = 3, AdaptsExperts = true, Shared = 52, HasMagnitudes = true }, 75),
        ["long window"] = (TestShape.Gemma3 with { Layers = 1, Window = 530 }, 1090),
        ["hybrid"] = (TestShape.Hybrid, 75),
        ["hybrid mixture"] = (TestShape.Hybrid with { Experts = 7, Choices = 3, AdaptsExperts = true, KeyValues = KeyValueFormat.Int8 }, 41),
        ["long"] = (new TestShape { Layers = 1, HeadSize = 64, Tied = false }, 1090),
    };

    /// <summary>The backend under test.</summary>
    protected abstract BackendFactory Factory { get; }

    /// <summary>Tokens of the prompt of the cases "long", which go over more than one of attention's splits.</summary>
    protected virtual int LongPrompt => 1090;

    /// <summary>A shape of the table as this backend can run it.</summary>
    protected virtual TestShape Adjust(TestShape shape) => shape;

    /// <summary>Runs what has worlds of its own: one after the other, unless a backend has devices for it.</summary>
    protected virtual void RunEach(params Action[] variants) => Array.ForEach(variants, vary => vary());

    /// <summary>Names of the cases that every backend runs.</summary>
    public static TheoryData<string> CaseNames => [.. Cases.Keys.Where(name => !IsRecurrent(name))];

    /// <summary>Names of those with a recurrent state: see <see cref="RecurrenceContract"/>.</summary>
    public static TheoryData<string> RecurrentCases => [.. Cases.Keys.Where(IsRecurrent)];

    /// <summary>Among 63 others of all adapters and lengths, one answer after the other joining them.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Answer_InCrowd_EqualsAlone(string name) => Compare(name, world =>
    {
        InvarianceAnswer[] answers = [.. Adapters.Select(world.Begin)];
        TestSequence[][] others = [world.Start(16, 0), world.Start(15, 1), world.Start(15, 4), world.Start(15, 3)];
        for (var step = 0; step <= answers.Length + Generated; step++)
        {
            var read = new List<InvarianceAnswer>();
            world.Session.Inputs.Clear();
            for (var i = 0; i < answers.Length; i++)
            {
                world.AddOthers(others[i]);
                if (step == i)
                {
                    answers[i].AddPrompt(world.Prompt.Length - 1);
                }
                else if (step > i && answers[i].Tokens.Count <= Generated)
                {
                    answers[i].AddNext();
                    read.Add(answers[i]);
                }
            }

            world.AddOthers(others[^1]);
            world.Session.Execute();
            read.ForEach(answer => answer.Read());
        }

        return answers;
    });

    /// <summary>With the prompt in chunks of 16, and token by token; the long ones so where attention's splits begin.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Answer_InChunks_EqualsWhole(string name)
    {
        int[] single = IsLong(name) ? [480, .. Enumerable.Repeat(1, 64), 448, 1] : [1];
        CompareEach(name, [.. ((int[][])[[16], single]).Select(chunks => OfEach((world, slot) => world.Answer(world.Begin(slot), chunks)))]);
    }

    /// <summary>With the prompt split at odd points, the answers with each adapter side by side.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Answers_InOddChunks_EqualWhole(string name) =>
        CompareEach(name, [.. ((int[][])[[7, 1, 40, 3, 64], [33, 31]]).Select(chunks => (Func<InvarianceWorld, InvarianceAnswer[]>)(world => world.Answer([.. Adapters.Select(world.Begin)], chunks)))]);

    /// <summary>With a prefix that another request computed, and with pages of it that are not full.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Answer_OnSharedPages_EqualsAlone(string name) => CompareEach(
        name,
        OfEach((world, slot) =>
        {
            var first = world.Begin(slot);
            world.Answer(first, [world.Prompt.Length], outputs: None);
            var pages = (world.Prompt.Length - 1) / ModelShape.PageTokens;
            var second = world.Begin(slot);
            second.Sequence.Import([.. first.Sequence.Table.Take(pages).Select(entry => (entry.Page, entry.ValidLength))]);
            return world.Answer(second, [world.Prompt.Length]);
        }),
        OfEach((world, slot) =>
        {
            var first = world.Begin(slot);
            world.Answer(first, [10, 20, 5], newPages: true, outputs: None);
            var second = world.Begin(slot);
            second.Sequence.Import([.. first.Sequence.Table.Take(2).Select(entry => (entry.Page, entry.ValidLength))]);
            return world.Answer(second, [9, 11], newPages: true);
        }));

    /// <summary>Recomputed after preemption: prompt and generated tokens in one chunk give the logits that generating gave.</summary>
    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Answer_Recomputed_EqualsGenerated(string name) => Compare(name, OfEach((world, slot) =>
    {
        var lost = world.Begin(slot);
        world.Answer(lost, [world.Prompt.Length], outputs: 3);
        var again = world.Begin(slot);
        again.Recompute(lost);
        world.Session.Execute();
        again.Read();
        return world.Answer(again, [1], outputs: Generated - 4);
    }));

    private static bool IsRecurrent(string name) => Cases[name].Shape.AttendsEvery > 1;

    private static bool IsLong(string name) => name.StartsWith("long", StringComparison.Ordinal);

    /// <summary>The answers with one adapter after the other.</summary>
    private static Func<InvarianceWorld, InvarianceAnswer[]> OfEach(Func<InvarianceWorld, int, InvarianceAnswer> vary) =>
        world => [.. Adapters.Select(adapter => vary(world, adapter))];

    private InvarianceBits[] AloneOf(string name) => Alone.GetOrAdd((GetType(), Factory.Name, name), _ => new Lazy<InvarianceBits[]>(() => AnswersAlone(name))).Value;

    private void CompareEach(string name, params Func<InvarianceWorld, InvarianceAnswer[]>[] variants)
    {
        AloneOf(name);
        RunEach([.. variants.Select(vary => (Action)(() => Compare(name, vary)))]);
    }

    private void Compare(string name, Func<InvarianceWorld, InvarianceAnswer[]> vary)
    {
        var alone = AloneOf(name);
        using var world = World(name);
        var varied = vary(world);
        for (var which = 0; which < Adapters.Length; which++)
        {
            var (expected, actual) = (alone[which], varied[which].Bits);
            Assert.Equal(expected.Tokens, actual.Tokens);
            Assert.Equal(expected.Logprobs, actual.Logprobs);
            Assert.Equal(expected.Logits.Count, actual.Logits.Count);
            for (var i = 0; i < expected.Logits.Count; i++)
            {
                Assert.True(expected.Logits[i].AsSpan().SequenceEqual(actual.Logits[i]), $"{name}, adapter {Adapters[which]}, output {i}: the logits differ.");
            }
        }
    }

    private InvarianceBits[] AnswersAlone(string name)
    {
        using var world = World(name);
        return [.. Adapters.Select(adapter => world.Answer(world.Begin(adapter), [world.Prompt.Length]).Bits)];
    }

    private InvarianceWorld World(string name)
    {
        var (shape, length) = (Adjust(Cases[name].Shape), Cases[name].Prompt);
        return new InvarianceWorld(Factory, shape, IsLong(name) ? LongPrompt : length, Seeded);
    }
}

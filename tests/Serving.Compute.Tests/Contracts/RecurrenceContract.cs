using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Reference;

namespace Serving.Compute.Tests.Contracts;

/// <summary>
/// What a backend that runs models with a recurrent state must hold: its results are those of the formulas, a state goes from step to step to the bit, nothing reads what a step writes, and an
/// answer does not depend on its company.
/// </summary>
public abstract class RecurrenceContract
{
    private static readonly IReadOnlyDictionary<string, TestShape> Shapes = new Dictionary<string, TestShape>
    {
        ["hybrid"] = TestShape.Hybrid,
        ["hybrid, int8 keys and values"] = TestShape.Hybrid with { KeyValues = KeyValueFormat.Int8 },
        ["hybrid mixture"] = TestShape.Hybrid with { Layers = 3, Experts = 5, Intermediate = 44, Choices = 5, Shared = 52 },
        ["hybrid, int8"] = TestShape.Hybrid with { Layers = 3, Format = WeightFormat.Int8 },
        ["bias"] = TestShape.Hybrid with { Layers = 2, AttendsEvery = 2, PlainConvolution = true, Taps = 3, KeyHeads = 1, ValueHeads = 3, KeySize = 8, ValueSize = 80, Gemma = true },
        ["one tap"] = TestShape.Hybrid with { Layers = 2, AttendsEvery = 2, Taps = 1, KeyHeads = 3, ValueHeads = 3, KeySize = 24, ValueSize = 16 },
        ["wide"] = TestShape.Hybrid with { Layers = 2, AttendsEvery = 2, KeyHeads = 2, ValueHeads = 4, KeySize = 128, ValueSize = 128, Hidden = 64 },
        ["narrow"] = TestShape.Hybrid with { Layers = 2, AttendsEvery = 2, KeyHeads = 4, ValueHeads = 8, KeySize = 64, ValueSize = 32, Hidden = 64, Heads = 8, KvHeads = 8 },
    };

    /// <summary>The backend under test.</summary>
    protected abstract BackendFactory Factory { get; }

    /// <summary>What a backend changes of the shapes that are compared with formulas, and of the invariance's.</summary>
    protected virtual TestShape Adjust(TestShape shape) => shape;

    /// <summary>Runs what has worlds of its own: one after the other, unless a backend has devices for it.</summary>
    protected virtual void RunEach(params Action[] variants) => Array.ForEach(variants, vary => vary());

    /// <summary>Names of the shapes.</summary>
    public static TheoryData<string> ShapeNames => [.. Shapes.Keys];

    [Fact]
    public void RunsRecurrence_IsSaid()
    {
        using var backend = Factory.Create(TestProgram.Create(TestShape.Hybrid).Program);
        Assert.True(backend.RunsRecurrence);
    }

    /// <summary>All positions of a sequence, among others and with an adapter on every Linear, against the formulas.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_WholeSequence_MatchesReference(string shape) => new Results(Factory, Adjust(Shapes[shape])).Match(shape);

    /// <summary>Cut at every place, and into single rows: the same bits as at once.</summary>
    [Theory]
    [MemberData(nameof(ShapeNames))]
    public void Execute_InTwoChunks_SameBitsAsAtOnce(string shape)
    {
        var test = TestProgram.Create(Shapes[shape]);
        using var session = new BackendSession(Factory, test, pages: 100 + (50 * test.Program.Shape.StatePages));
        var tokens = TokensOf(test, 21, 3);
        var whole = Run(session, tokens, [tokens.Length]);
        for (var cut = 1; cut < tokens.Length; cut++)
        {
            AssertSame(whole, Run(session, tokens, [cut]), $"{shape}, cut at {cut}");
        }

        AssertSame(whole, Run(session, tokens, [1]), $"{shape}, row by row");
        AssertSame(whole, Run(session, tokens, [2, 5, 1, 1, 3]), $"{shape}, in odd chunks");
    }

    /// <summary>A step that runs again reads what it read before: the same bits, and the next step goes on from them.</summary>
    [Fact]
    public void Execute_StepAgain_SameBits()
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        using var session = new BackendSession(Factory, test);
        var tokens = TokensOf(test, 40, 4);
        var whole = Run(session, tokens, [tokens.Length]);
        var sequence = new TestSequence(session);
        var logits = new List<float[]>();
        for (var i = 0; i < tokens.Length; i += 8)
        {
            session.Inputs.Clear();
            sequence.AddChunk(tokens[i..(i + 8)], every: Greedy);
            session.Execute();
            var first = Enumerable.Range(0, 8).Select(session.Logits).ToArray();
            session.Execute();
            AssertSame([.. first], [.. Enumerable.Range(0, 8).Select(session.Logits)], $"step at {i}");
            logits.AddRange(first);
        }

        AssertSame(whole, logits, "steps that ran twice");
    }

    /// <summary>A version that is kept is what it was, however far its sequence goes on; others go on from it side by side, as if each had computed it.</summary>
    [Fact]
    public void Execute_SharedVersion_ContinuesAsItsOrigin()
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        using var session = new BackendSession(Factory, test, pages: 1000);
        var prefix = TokensOf(test, 32, 5);
        int[][] ends = [.. Enumerable.Range(0, 4).Select(i => TokensOf(test, 3 + (4 * i), 6 + i))];
        var expected = ends.Select(end => Run(session, [.. prefix, .. end], [64])[^1]).ToList();
        var origin = new TestSequence(session);
        session.Inputs.Clear();
        origin.AddChunk(prefix);
        session.Execute();
        (int, int)[] pages = [.. origin.Table.Select(entry => (entry.Page, entry.ValidLength))];
        var kept = origin.KeepState();

        // The origin goes on for several steps, whose versions take turns, before and while others start from the one that it left.
        for (var round = 0; round < 2; round++)
        {
            var others = ends.Select(_ => new TestSequence(session)).ToArray();
            session.Inputs.Clear();
            for (var i = 0; i < others.Length; i++)
            {
                others[i].Import(pages);
                others[i].ImportState(kept);
                others[i].AddChunk(ends[i], last: Greedy);
            }

            origin.AddChunk(TokensOf(test, 5, 20 + round));
            session.Execute();
            AssertSame(expected, [.. Enumerable.Range(0, others.Length).Select(session.Logits)], $"round {round}");
            for (var step = 0; step < 3; step++)
            {
                session.Inputs.Clear();
                origin.AddChunk(TokensOf(test, 1, 30 + step));
                session.Execute();
            }
        }
    }

    /// <summary>Pages hold what others left in them, NaN too: a state begins with zeros, and a version is written whole, even by a chunk of fewer rows than taps.</summary>
    [Fact]
    public void Execute_PagesThatHeldNaN_SameBits()
    {
        var test = TestProgram.Create(TestShape.Hybrid with { Taps = 7 });
        var tokens = TokensOf(test, 20, 7);
        using var clean = new BackendSession(Factory, test);
        using var poisoned = new BackendSession(Factory, test);
        Poison(poisoned, 512);
        AssertSame(Run(clean, tokens, [1, 2, 9]), Run(poisoned, tokens, [1, 2, 9]), "pages that held NaN");
    }

    /// <summary>Versions that went to host memory and came back to other pages.</summary>
    [Fact]
    public void CopyFromHost_OtherPages_ContinueAsTheirOrigin()
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        using var session = new BackendSession(Factory, test, hostPages: 64);
        var (prefix, end) = (TokensOf(test, 32, 8), TokensOf(test, 9, 9));
        var expected = Run(session, [.. prefix, .. end], [64])[^1];
        var origin = new TestSequence(session);
        session.Inputs.Clear();
        origin.AddChunk(prefix);
        session.Execute();
        int[] pages = [.. origin.Table.Select(entry => entry.Page), .. origin.State!];
        int[] hostPages = [.. Enumerable.Range(0, pages.Length).Select(i => 63 - i)];
        session.Backend.CopyToHost(pages, hostPages);
        session.ReturnPages(pages);
        Run(session, TokensOf(test, 48, 10), [48]);
        int[] back = [.. pages.Select(_ => session.TakePage())];
        session.Backend.CopyFromHost(hostPages, back);
        var copy = new TestSequence(session);
        copy.Import((back[0], 16), (back[1], 16));
        copy.ImportState(back[2..]);
        session.Inputs.Clear();
        copy.AddChunk(end, last: Greedy);
        session.Execute();
        AssertSame([expected], [session.Logits(0)], "a state that came back");
    }

    /// <summary>Floats are kept as floats: a rate that differs by less than bf16 tells changes what is computed.</summary>
    [Fact]
    public void LoadFloats_BelowBFloat16_ChangesBits()
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        var tokens = TokensOf(test, 60, 11);
        using var session = new BackendSession(Factory, test);
        var before = Run(session, tokens, [60]);
        foreach (var weights in test.Program.Weights.Where(weight => weight.Format == WeightFormat.Float32).GroupBy(weight => weight.Name))
        {
            using var other = new BackendSession(Factory, test);
            foreach (var weight in weights)
            {
                var values = TestProgram.Floats(test.Weights[weight.Index]);
                float[] changed = [.. values.Select(value => value * 1.0008f)];
                Assert.Equal(values.Select(BFloat16Bits.FromSingle), changed.Select(BFloat16Bits.FromSingle));
                other.Backend.LoadFloats(weight.Index, 0, changed);
            }

            Assert.False(before.Zip(Run(other, tokens, [60])).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)), weights.Key);
        }
    }

    [Fact]
    public void LoadFloats_OtherFormatOrTooMany_IsRefused()
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        using var session = new BackendSession(Factory, test);
        var rate = test.Program.Weights.First(weight => weight.Name == "rate");
        var norm = test.Program.Weights.First(weight => weight.Name == "input_norm");
        Assert.ThrowsAny<Exception>(() => session.Backend.LoadFloats(norm.Index, 0, new float[norm.Columns]));
        Assert.ThrowsAny<Exception>(() => session.Backend.LoadFloats(rate.Index, 1, new float[rate.Columns]));
        Assert.ThrowsAny<Exception>(() => session.Backend.LoadFloats(rate.Index, -1, new float[1]));
        Assert.ThrowsAny<Exception>(() => session.Backend.LoadWeight(rate.Index, 0, new ushort[rate.Columns]));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_InCrowd_EqualsAlone(string name) => new Invariance(this).Answer_InCrowd_EqualsAlone(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_InChunks_EqualsWhole(string name) => new Invariance(this).Answer_InChunks_EqualsWhole(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answers_InOddChunks_EqualWhole(string name) => new Invariance(this).Answers_InOddChunks_EqualWhole(name);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Answer_Recomputed_EqualsGenerated(string name) => new Invariance(this).Answer_Recomputed_EqualsGenerated(name);

    /// <summary>Cases of <see cref="InvarianceContract"/>.</summary>
    public static TheoryData<string> Cases => InvarianceContract.RecurrentCases;

    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static int[] TokensOf(TestProgram test, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(test.Shape.Vocabulary))];
    }

    /// <summary>The logits of every position, in chunks of the given sizes, the last repeating.</summary>
    private static List<float[]> Run(BackendSession session, int[] tokens, int[] chunks)
    {
        var (sequence, logits) = (new TestSequence(session), new List<float[]>());
        for (var i = 0; sequence.Computed < tokens.Length; i++)
        {
            var end = Math.Min(tokens.Length, sequence.Computed + chunks[Math.Min(i, chunks.Length - 1)]);
            session.Inputs.Clear();
            sequence.AddChunk(tokens[sequence.Computed..end], every: Greedy);
            session.Execute();
            logits.AddRange(Enumerable.Range(0, session.Inputs.OutputCount).Select(session.Logits));
        }

        return logits;
    }

    private static void AssertSame(IReadOnlyList<float[]> expected, IReadOnlyList<float[]> actual, string what)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.DoesNotContain(expected[i], float.IsNaN);
            Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"{what}, output {i}: the logits differ.");
        }
    }

    /// <summary>Packs an adapter of nothing but NaN into every page, as if it had been evicted since.</summary>
    private static void Poison(BackendSession session, int pages)
    {
        var slice = session.Test.Program.Slices[0];
        var notNumbers = Enumerable.Repeat((ushort)0x7FC0, 64 * Math.Max(slice.InputWidth, slice.OutputWidth)).ToArray();
        using var prepared = session.Prepare(new([new(0, 64, 1, notNumbers.AsMemory(0, 64 * slice.InputWidth), notNumbers.AsMemory(0, 64 * slice.OutputWidth))]));
        for (var first = 0; first + prepared.PageCount <= pages; first += prepared.PageCount)
        {
            session.Backend.PackAdapter(63, prepared, [.. Enumerable.Range(first, prepared.PageCount)]);
        }
    }

    private sealed class Results(BackendFactory factory, TestShape formats) : BackendContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory { get; } = factory;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => shape with { Format = formats.Format, KeyValues = formats.KeyValues };

        public void Match(string name)
        {
            var test = TestProgram.Create(formats);
            using var session = new BackendSession(Factory, test, pages: 1500);
            var adapter = test.CreateAdapter(5, slice => 1 + (slice.Index * 5 % 23));
            var slot = session.AddAdapter(adapter);
            var tokens = Tokens(test, 41, 2);
            var references = new[] { null, adapter }.Select(weights => SharedReference.Of(test, weights, Factory.Rounds, tokens, $"recurrence, adapter {weights is not null}")).ToArray();
            session.Inputs.Clear();
            for (var i = 0; i < 4; i++)
            {
                new TestSequence(session, i % 2 == 0 ? -1 : slot).AddChunk(tokens[..(41 - (7 * i))], every: Greedy);
            }

            session.Execute();
            for (var (i, output) = (0, 0); i < 4; i++)
            {
                for (var position = 0; position < 41 - (7 * i); position++, output++)
                {
                    AssertClose(references[i % 2].Logits[position], session.Logits(output), $"{name}, sequence {i}, position {position}");
                }
            }
        }
    }

    private sealed class Invariance(RecurrenceContract contract) : InvarianceContract
    {
        /// <inheritdoc/>
        protected override BackendFactory Factory => contract.Factory;

        /// <inheritdoc/>
        protected override TestShape Adjust(TestShape shape) => contract.Adjust(shape);

        /// <inheritdoc/>
        protected override void RunEach(params Action[] variants) => contract.RunEach(variants);
    }
}

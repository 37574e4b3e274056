using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cpu;

/// <summary>A few steps with everything in them: a long context, chunks, single rows, adapters of several ranks, partly filled pages.</summary>
internal static class CpuScenario
{
    private static readonly SampleRow Output = new() { TargetToken = -1, TopLogprobs = 3, Temperature = 0.8f, TopP = 0.9f, RepetitionPenalty = 1, Seed = 7 };

    private static readonly TestShape Shape = new() { Hidden = 96, Intermediate = 160, Heads = 6, KvHeads = 2, HeadSize = 64, Vocabulary = 211, Bias = true };

    /// <summary>The bits of every logit and the tokens, step after step.</summary>
    /// <param name="factory">The backend.</param>
    /// <param name="poison">Fill every page with NaN first, as an adapter may have left it.</param>
    /// <param name="format">The format of the matrices.</param>
    /// <param name="experts">Experts of every layer; 0 for none.</param>
    /// <param name="integers">Changes their integers and scales, which are then handed over as such.</param>
    /// <param name="keyValues">The format of keys and values.</param>
    public static List<uint> Run(
        BackendFactory factory,
        bool poison = false,
        WeightFormat format = WeightFormat.BFloat16,
        int experts = 0,
        Action<sbyte[], ushort[]>? integers = null,
        KeyValueFormat keyValues = KeyValueFormat.BFloat16) =>
        Run(factory, TestProgram.Create(ShapeOf(format, experts) with { KeyValues = keyValues }) with { Integers = integers }, poison);

    /// <summary>The same on a model of another shape, with as many tokens as this one's.</summary>
    public static List<uint> Run(BackendFactory factory, TestShape shape, bool poison = false) => Run(factory, TestProgram.Create(shape with { Vocabulary = Shape.Vocabulary }), poison);

    /// <summary>
    /// The same where all matrices of integers, the embedding too where it can be, are of one format and hold another one's numbers. Without experts down has more inputs than many rows are taken at a time with.
    /// </summary>
    /// <param name="factory">The backend.</param>
    /// <param name="numbers">Mxfp4, Iq4 or Int4: whose numbers.</param>
    /// <param name="format">The format that holds them.</param>
    /// <param name="experts">Experts of every layer; 0 for none.</param>
    /// <param name="change">Changes the numbers.</param>
    public static List<uint> RunOn(BackendFactory factory, WeightFormat numbers, WeightFormat format, int experts, Action<sbyte[], ushort[]> change)
    {
        var shape = ShapeOf(format, experts);
        var test = TestProgram.Create(experts > 0 ? shape : shape with { Intermediate = 1100 }) with { Integers = change, Numbers = numbers };
        var weights = test.Program.Weights.Select(weight => weight.Format == WeightFormat.BFloat16 ? weight : weight with { Format = FormatOf(weight) });
        return Run(factory, test with { Program = test.Program with { Weights = [.. weights] } }, poison: false);

        WeightFormat FormatOf(WeightSpec weight) => weight.Kind == WeightKind.Embedding && format == WeightFormat.Int4Asymmetric ? WeightFormat.Int8 : format;
    }

    private static TestShape ShapeOf(WeightFormat format, int experts) => Shape with { Format = format, Experts = experts, AdaptsExperts = experts > 0 };

    private static List<uint> Run(BackendFactory factory, TestProgram test, bool poison)
    {
        var pages = 400 + (8 * test.Program.Shape.StatePages);
        using var session = new BackendSession(factory, test, pages, maxRows: 700);
        if (poison)
        {
            Poison(session, test, pages);
        }

        int[] slots = [-1, .. new[] { 8, 40, 3 }.Select(rank => session.AddAdapter(test.CreateAdapter(rank, slice => slice.Index % 3 == 0 ? 0 : rank)))];
        var sequences = slots.Select(slot => new TestSequence(session, slot)).ToArray();
        var bits = new List<uint>();
        Step(session, bits, () => sequences[0].AddChunk(Tokens(600, 1), last: Output));
        Step(session, bits, () =>
        {
            sequences[0].StartPage();
            sequences[0].AddChunk(Tokens(9, 2), last: Output);
            sequences[1].AddChunk(Tokens(37, 3), every: Output);
            sequences[2].AddChunk(Tokens(1, 4), last: Output);
            sequences[3].AddChunk(Tokens(70, 5), last: Output);
        });
        for (var i = 0; i < 3; i++)
        {
            Step(session, bits, () => Array.ForEach(sequences, sequence => sequence.AddChunk(Tokens(1, 6 + i), last: Output)));
        }

        return bits;
    }

    private static void Step(BackendSession session, List<uint> bits, Action fill)
    {
        session.Inputs.Clear();
        fill();
        session.Execute();
        for (var i = 0; i < session.Inputs.OutputCount; i++)
        {
            bits.Add((uint)session.Outputs.TokenIds[i]);
            bits.AddRange(session.Logits(i).Select(BitConverter.SingleToUInt32Bits));
        }
    }

    /// <summary>Packs an adapter of nothing but NaN into every page, as if it had been evicted since.</summary>
    private static void Poison(BackendSession session, TestProgram test, int pages)
    {
        var slice = test.Program.Slices[0];
        var notNumbers = Enumerable.Repeat((ushort)0x7FC0, 256 * Math.Max(slice.InputWidth, slice.OutputWidth)).ToArray();
        var adapter = new AdapterWeights([new AdapterSlice(0, 256, 1, notNumbers.AsMemory(0, 256 * slice.InputWidth), notNumbers.AsMemory(0, 256 * slice.OutputWidth))]);
        using var prepared = session.Prepare(adapter);
        var count = prepared.PageCount;
        for (var first = 0; first + count <= pages; first += count)
        {
            session.Backend.PackAdapter(63, prepared, [.. Enumerable.Range(first, count)]);
        }
    }

    private static int[] Tokens(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Shape.Vocabulary))];
    }
}

using System.Collections.Concurrent;
using Serving.Compute.Adapters;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;
using Serving.Compute.Tests.Vectors;

namespace Serving.Compute.Tests.Contracts;

/// <summary>A session with adapters of several ranks and one prompt that is answered in several ways.</summary>
public sealed class InvarianceWorld : IDisposable
{
    private static readonly int[] Ranks = [16, 1, 8, 64, 5, 33];

    /// <summary>Programs and adapters by shape: drawing their random numbers takes longer than many a step, and nobody changes them.</summary>
    private static readonly ConcurrentDictionary<TestShape, Lazy<(TestProgram Test, AdapterWeights[] Adapters)>> Drawn = new();

    private readonly int[] _slots;
    private readonly SampleRow _output;

    /// <summary>Creates the session and packs the adapters.</summary>
    public InvarianceWorld(BackendFactory factory, TestShape shape, int promptLength, SampleRow output)
        : this(factory, Drawn.GetOrAdd(shape, _ => new Lazy<(TestProgram, AdapterWeights[])>(() => Draw(TestProgram.Create(shape)))).Value, promptLength, output)
    {
    }

    /// <summary>The same for a program of one's own.</summary>
    public InvarianceWorld(BackendFactory factory, TestProgram test, int promptLength, SampleRow output)
        : this(factory, Draw(test), promptLength, output)
    {
    }

    private InvarianceWorld(BackendFactory factory, (TestProgram Test, AdapterWeights[] Adapters) drawn, int promptLength, SampleRow output)
    {
        Session = new BackendSession(factory, drawn.Test, pages: 3000 + (140 * drawn.Test.Program.Shape.StatePages), maxRows: 2048);
        _slots = [.. drawn.Adapters.Select(Session.AddAdapter)];
        var random = new Random(11);
        Prompt = [.. Enumerable.Range(0, promptLength).Select(_ => random.Next(drawn.Test.Shape.Vocabulary))];
        _output = output;
    }

    /// <summary>The session.</summary>
    public BackendSession Session { get; }

    /// <summary>The prompt.</summary>
    public int[] Prompt { get; }

    /// <summary>An answer that nothing has been computed of yet.</summary>
    public InvarianceAnswer Begin(int adapter) => new(this, new TestSequence(Session, SlotOf(adapter)), _output);

    /// <summary>Computes the rest of the prompt in chunks of the given sizes, the last repeating, and goes on until all outputs are there.</summary>
    public InvarianceAnswer Answer(InvarianceAnswer answer, int[] chunks, bool newPages = false, int outputs = 6) => Answer([answer], chunks, newPages, outputs)[0];

    /// <summary>The same for several answers side by side, all equally far.</summary>
    public InvarianceAnswer[] Answer(InvarianceAnswer[] answers, int[] chunks, bool newPages = false, int outputs = 6)
    {
        for (var i = 0; answers[0].Sequence.Computed < Prompt.Length - 1; i++)
        {
            Session.Inputs.Clear();
            foreach (var answer in answers)
            {
                if (newPages && answer.Sequence.Computed > 0)
                {
                    answer.Sequence.StartPage();
                }

                answer.AddPrompt(chunks[Math.Min(i, chunks.Length - 1)]);
            }

            Session.Execute();
        }

        for (var i = 0; i <= outputs; i++)
        {
            Session.Inputs.Clear();
            Array.ForEach(answers, answer => answer.AddNext());
            Session.Execute();
            Array.ForEach(answers, answer => answer.Read());
        }

        return answers;
    }

    /// <summary>Other sequences of random lengths and of all adapters, from <paramref name="firstAdapter"/> on.</summary>
    public TestSequence[] Start(int count, int firstAdapter) =>
        [.. Enumerable.Range(0, count).Select(i => new TestSequence(Session, SlotOf(((firstAdapter + 1 + i) % (Ranks.Length + 1)) - 1)))];

    /// <summary>Adds a chunk of each of the others to the step.</summary>
    public void AddOthers(TestSequence[] others)
    {
        for (var i = 0; i < others.Length; i++)
        {
            var length = others[i].Computed == 0 ? 1 + (i * 5 % 11) : 1;
            others[i].AddChunk([.. Enumerable.Range(0, length).Select(j => (i + j) % Session.Test.Shape.Vocabulary)], last: i % 3 == 0 ? Masked(_output, i) : _output);
        }
    }

    /// <summary>An output of this step under a mask that allows about half of the tokens.</summary>
    public SampleRow Masked(SampleRow output, int which)
    {
        var vocabulary = Session.Test.Shape.Vocabulary;
        var mask = SamplingCaseRow.MaskOf(vocabulary, Enumerable.Range(0, vocabulary).Where(token => (token + which) * 7 % 11 < 6));
        return output with { FirstMask = Session.Inputs.AddMask(mask), MaskWords = mask.Length };
    }

    /// <inheritdoc/>
    public void Dispose() => Session.Dispose();

    private static (TestProgram Test, AdapterWeights[] Adapters) Draw(TestProgram test) =>
        (test, [.. Ranks.Select((rank, i) => test.CreateAdapter(i, slice => (slice.Index + i) % 4 == 0 ? 0 : rank))]);

    private int SlotOf(int adapter) => adapter < 0 ? -1 : _slots[adapter % _slots.Length];
}

/// <summary>One answer to the world's prompt: what was sampled, every second time under a mask, and the bits it was sampled from.</summary>
/// <param name="world">The world.</param>
/// <param name="sequence">Its sequence.</param>
/// <param name="output">How it samples.</param>
public sealed class InvarianceAnswer(InvarianceWorld world, TestSequence sequence, SampleRow output)
{
    private int _output;
    private int _hidden;

    /// <summary>The sequence.</summary>
    public TestSequence Sequence { get; } = sequence;

    /// <summary>Sampled tokens.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>Bits of the logprobs: of the sampled token, then of the most likely ones.</summary>
    public List<uint> Logprobs { get; } = [];

    /// <summary>Raw logits of every output, and behind them its hidden state.</summary>
    public List<float[]> Logits { get; } = [];

    /// <summary>What is compared.</summary>
    public InvarianceBits Bits => new(Tokens, Logprobs, Logits);

    /// <summary>Adds up to <paramref name="count"/> tokens of the prompt but its last to the step.</summary>
    public void AddPrompt(int count)
    {
        var end = Math.Min(Sequence.Computed + count, world.Prompt.Length - 1);
        Sequence.AddChunk(world.Prompt[Sequence.Computed..end]);
    }

    /// <summary>Adds the prompt's last token, or the token sampled last, and an output.</summary>
    public void AddNext() => Add([Tokens.Count == 0 ? world.Prompt[^1] : Tokens[^1]]);

    /// <summary>Adds the whole prompt and what <paramref name="lost"/> had generated, in one chunk, keeping its outputs.</summary>
    public void Recompute(InvarianceAnswer lost)
    {
        Tokens.AddRange(lost.Tokens[..^1]);
        Logprobs.AddRange(lost.Logprobs[..(lost.Logprobs.Count / lost.Tokens.Count * Tokens.Count)]);
        Logits.AddRange(lost.Logits[..Tokens.Count]);
        world.Session.Inputs.Clear();
        Add([.. world.Prompt, .. Tokens]);
    }

    /// <summary>Takes the output of the step that ran.</summary>
    public void Read()
    {
        var outputs = world.Session.Outputs;
        Tokens.Add(outputs.TokenIds[_output]);
        Logprobs.Add(BitConverter.SingleToUInt32Bits(outputs.Logprobs[_output]));
        foreach (var logprob in outputs.TopLogprobs.AsSpan(_output * SampleRow.MaxTopLogprobs, output.TopLogprobs))
        {
            Logprobs.Add(BitConverter.SingleToUInt32Bits(logprob));
        }

        Logits.Add([.. world.Session.Logits(_output), .. world.Session.Hidden(_hidden)]);
    }

    private void Add(int[] tokens)
    {
        _output = world.Session.Inputs.OutputCount;
        var next = output with { OutputIndex = (uint)Tokens.Count };
        Sequence.AddChunk(tokens, last: Tokens.Count % 2 == 0 ? next : world.Masked(next, Tokens.Count));
        _hidden = world.Session.Inputs.HiddenOutputCount;
        world.Session.Inputs.AddHiddenOutput();
    }
}

/// <summary>What must not depend on anything but the request; nothing of the world that computed it.</summary>
/// <param name="Tokens">Sampled tokens.</param>
/// <param name="Logprobs">Bits of the logprobs.</param>
/// <param name="Logits">Raw logits of every output.</param>
public sealed record InvarianceBits(IReadOnlyList<int> Tokens, IReadOnlyList<uint> Logprobs, IReadOnlyList<float[]> Logits);

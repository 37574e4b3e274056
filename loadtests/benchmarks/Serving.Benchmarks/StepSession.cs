using System.Diagnostics;
using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks;

/// <summary>A backend with a pool, prefilled sequences and adapters: steps of any of them can be run over and over.</summary>
internal sealed class StepSession
{
    /// <summary>Tokens of every sequence, unless others are asked for.</summary>
    public const int Context = 256;

    /// <summary>Sequences, unless others are asked for.</summary>
    public const int MaxSequences = 64;

    /// <summary>Host memory for prepared adapters, in adapters as large as the largest: those that are loaded over and over, and one that is being made.</summary>
    private const int HostAdapters = 8;

    private readonly IComputeBackend _backend;
    private readonly ModelProgram _program;
    private readonly StepLimits _limits;
    private readonly int _context;
    private readonly List<int[]> _pages = [];
    private readonly int _firstStatePage;

    /// <summary>Takes the pool of a backend whose weights are loaded, packs an adapter of the rank that is given for each slot, and fills the sequences.</summary>
    public StepSession(IComputeBackend backend, ModelProgram program, Func<int, int> rankOf)
        : this(backend, program, [.. Enumerable.Range(0, MaxSequences).Select(slot => Adapter(program, rankOf(slot), _ => true))])
    {
    }

    /// <summary>
    /// Takes the pool of a backend whose weights are loaded, packs the adapters into slots in order, and fills the sequences, each by itself or all with copies of the first one's pages; prompts of
    /// <paramref name="prompt"/> tokens can be run too.
    /// </summary>
    public StepSession(
        IComputeBackend backend, ModelProgram program, IReadOnlyList<AdapterWeights> adapters, int sequences = MaxSequences, int context = Context, int prompt = 0, bool copies = false)
    {
        _backend = backend;
        _program = program;
        _context = context;
        _limits = new StepLimits(Math.Max(Math.Max(context, prompt), sequences), sequences, sequences, Math.Max(context + ModelShape.PageTokens, 2048));
        var next = sequences * PagesOfSequence;
        foreach (var adapter in adapters)
        {
            _pages.Add([.. Enumerable.Range(next, Layout(program, adapter).PageCount)]);
            next += _pages[^1].Length;
        }

        _firstStatePage = next;
        next += 2 * sequences * program.Shape.StatePages;
        var largest = adapters.Select(backend.PreparedBytesOf).DefaultIfEmpty().Max();
        backend.AllocatePool(new PoolShape(next, program.Shape.PageBytes, adapters.Count, AdapterHostBytes: HostAdapters * largest), _limits);
        PackAll(adapters);
        for (var sequence = 0; sequence < (copies ? 1 : sequences); sequence++)
        {
            Prefill(sequence);
        }

        if (copies)
        {
            CopyFirst(sequences);
        }
    }

    /// <summary>The pages of a slot's adapter.</summary>
    public int[] PagesOf(int slot) => _pages[slot];

    /// <summary>Prepares an adapter; several at once fit into host memory, none larger than the largest that was packed.</summary>
    public IPreparedAdapter Prepare(AdapterWeights adapter) => _backend.PrepareAdapter(adapter) ?? throw new InvalidOperationException("Host memory has no room for one more adapter.");

    /// <summary>Computes a whole sequence as one chunk.</summary>
    public void Prefill(int sequence)
    {
        var inputs = new StepInputs();
        AddSequence(inputs, sequence, 0, _context, -1);
        inputs.AddOutput(Output(_context - 1));
        _backend.Execute(inputs, new StepOutputs(_limits, _program.Shape.VocabularySize));
    }

    /// <summary>A step of one row for each of some sequences, with the adapters that <paramref name="slotOf"/> gives (-1 for none), equal ones side by side.</summary>
    public Action Decode(int sequences, Func<int, int> slotOf) => Decode(sequences, slotOf, _context);

    /// <summary>The same behind the first <paramref name="context"/> tokens of each, whose next one is computed again.</summary>
    public Action Decode(int sequences, Func<int, int> slotOf, int context)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < sequences; i++)
        {
            AddSequence(inputs, i, context, 1, slotOf(i));
            inputs.AddOutput(Output(i));
        }

        var outputs = new StepOutputs(_limits, _program.Shape.VocabularySize);
        return () => _backend.Execute(inputs, outputs);
    }

    /// <summary>A step of several rows for each of some sequences, every one of them sampled: a token and drafts of those that may follow it. At most <see cref="ModelShape.PageTokens"/> rows.</summary>
    public Action Drafts(int sequences, int rows)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < sequences; i++)
        {
            AddSequence(inputs, i, _context, rows, -1);
            for (var row = 0; row < rows; row++)
            {
                inputs.AddOutput(Output((i * rows) + row));
            }
        }

        var outputs = new StepOutputs(_limits, _program.Shape.VocabularySize);
        return () => _backend.Execute(inputs, outputs);
    }

    /// <summary>A step that computes the last tokens of the first sequence again, as the last chunk of its prompt.</summary>
    public Action Chunk(int rows)
    {
        var inputs = new StepInputs();
        AddSequence(inputs, 0, _context - rows, rows, -1);
        inputs.AddOutput(Output(rows - 1));
        var outputs = new StepOutputs(_limits, _program.Shape.VocabularySize);
        return () => _backend.Execute(inputs, outputs);
    }

    /// <summary>A step of one prompt, computed over and over in the pages of the first sequences, whose contents are lost.</summary>
    public Action Prompt(int rows, int slot)
    {
        var inputs = new StepInputs();
        AddSequence(inputs, 0, 0, rows, slot);
        inputs.AddOutput(Output(rows - 1));
        var outputs = new StepOutputs(_limits, _program.Shape.VocabularySize);
        return () => _backend.Execute(inputs, outputs);
    }

    /// <summary>Seconds of the fastest call within so many milliseconds; one call at least.</summary>
    public static double Best(Action step, int milliseconds = 1000)
    {
        var best = double.MaxValue;
        var total = Stopwatch.StartNew();
        do
        {
            var start = Stopwatch.GetTimestamp();
            step();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (total.ElapsedMilliseconds < milliseconds);
        return best;
    }

    /// <summary>Packs an adapter into each slot; one that stands in several slots after each other is prepared once.</summary>
    private void PackAll(IReadOnlyList<AdapterWeights> adapters)
    {
        IPreparedAdapter? prepared = null;
        for (var slot = 0; slot < adapters.Count; slot++)
        {
            if (slot == 0 || !ReferenceEquals(adapters[slot], adapters[slot - 1]))
            {
                prepared?.Dispose();
                prepared = Prepare(adapters[slot]);
            }

            _backend.PackAdapter(slot, prepared!, _pages[slot]);
        }

        prepared?.Dispose();
    }

    /// <summary>A step that copies the first sequence's pages to those of the others.</summary>
    private void CopyFirst(int sequences)
    {
        var inputs = new StepInputs();
        for (var page = PagesOfSequence; page < sequences * PagesOfSequence; page++)
        {
            inputs.AddCopy(page % PagesOfSequence, page, ModelShape.PageTokens);
        }

        // A row of each that has a recurrent state, which copies of keys and values leave out.
        for (var sequence = 0; sequence < (_program.Shape.StatePages > 0 ? sequences : 1); sequence++)
        {
            AddSequence(inputs, sequence, _context, 1, -1, stateOf: 0);
        }

        inputs.AddOutput(Output(0));
        _backend.Execute(inputs, new StepOutputs(_limits, _program.Shape.VocabularySize));
    }

    private int PagesOfSequence => (_context / ModelShape.PageTokens) + 1;

    /// <summary>
    /// Of a recurrent state every sequence has two versions: the one behind its context, which steps read over and over, and the one that they write. With <paramref name="stateOf"/> it reads
    /// another's and writes the first of its own.
    /// </summary>
    private void AddSequence(StepInputs inputs, int sequence, int firstOrdinal, int rows, int slot, int? stateOf = null)
    {
        var firstPage = sequence * PagesOfSequence;
        var firstRow = inputs.RowCount;
        var firstEntry = inputs.EntryCount;
        for (var ordinal = firstOrdinal; ordinal < firstOrdinal + rows; ordinal++)
        {
            inputs.AddRow(TokenOf(sequence, ordinal), ordinal, firstPage + (ordinal / ModelShape.PageTokens), ordinal % ModelShape.PageTokens);
        }

        for (var left = firstOrdinal + rows; left > 0; left -= ModelShape.PageTokens)
        {
            inputs.AddEntry(firstPage + inputs.EntryCount - firstEntry, Math.Min(left, ModelShape.PageTokens));
        }

        inputs.AddSequence(new StepSequence
        {
            FirstRow = firstRow,
            RowCount = rows,
            FirstOrdinal = firstOrdinal,
            FirstEntry = firstEntry,
            EntryCount = inputs.EntryCount - firstEntry,
            StateRead = firstOrdinal == 0 ? -1 : AddState(inputs, stateOf ?? sequence, 0),
            StateWrite = AddState(inputs, sequence, firstOrdinal == 0 || (stateOf ?? sequence) != sequence ? 0 : 1),
        });
        inputs.AddSegment(firstRow, rows, slot);
    }

    private int AddState(StepInputs inputs, int sequence, int version)
    {
        var (first, count) = (inputs.StatePageCount, _program.Shape.StatePages);
        for (var page = 0; page < count; page++)
        {
            inputs.AddStatePage(_firstStatePage + (((2 * sequence) + version) * count) + page);
        }

        return first;
    }

    /// <summary>Some token; others at other places, since those of equal rows go through the same experts.</summary>
    private int TokenOf(int sequence, int ordinal) => 5 + (((ordinal * 131) + (sequence * 7919)) % (_program.Shape.VocabularySize - 5));

    private static SampleRow Output(int row) => new() { Row = row, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    private static IEnumerable<LoraSlice> Slices(ModelProgram program, bool experts)
    {
        var ofMixtures = MixtureAdapters.SlicesOf(program);
        return program.Slices.Where(slice => experts || !ofMixtures.Contains(slice.Index));
    }

    private static AdapterLayout Layout(ModelProgram program, AdapterWeights adapter) =>
        AdapterLayout.Create(program.Slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), program.Shape.PageBytes);

    /// <summary>An adapter of zeros on the slices that <paramref name="takes"/> picks; of a mixture's experts, and of what chooses them, only where they are asked for.</summary>
    public static AdapterWeights Adapter(ModelProgram program, int rank, Func<LoraSlice, bool> takes, bool experts = false)
    {
        var slices =
            from slice in Slices(program, experts)
            where takes(slice)
            from expert in Enumerable.Range(0, slice.Experts)
            select new AdapterSlice(slice.Index, rank, 1, new ushort[rank * slice.InputWidth], new ushort[rank * slice.OutputWidth]) { Expert = expert };
        return new AdapterWeights([.. slices]);
    }

    /// <summary>An adapter of random bits on all slices but a mixture's: memory that nobody has written reads as one and the same page.</summary>
    public static AdapterWeights RandomAdapter(ModelProgram program, int rank, int seed)
    {
        var random = new Random(seed);
        ushort[] Values(int count)
        {
            var values = new ushort[count];
            random.NextBytes(MemoryMarshal.AsBytes(values.AsSpan()));
            return values;
        }

        return new AdapterWeights([.. Slices(program, experts: false).Select(slice => new AdapterSlice(slice.Index, rank, 1, Values(rank * slice.InputWidth), Values(rank * slice.OutputWidth)))]);
    }
}

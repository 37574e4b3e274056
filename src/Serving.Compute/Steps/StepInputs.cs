namespace Serving.Compute.Steps;

/// <summary>
/// What varies from step to step. One object is filled again for every step; arrays grow and never shrink, counts say how much of each is used.
/// Values are trusted: whoever fills it has validated them.
/// </summary>
public sealed class StepInputs
{
    private int[] _tokenIds = [];
    private int[] _positions = [];
    private int[] _appendPages = [];
    private int[] _appendSlots = [];
    private StepSequence[] _sequences = [];
    private StepPage[] _entries = [];
    private StepSegment[] _segments = [];
    private StepPageCopy[] _copies = [];
    private SampleRow[] _outputs = [];
    private PenaltyToken[] _penalties = [];
    private TokenBias[] _biases = [];
    private uint[] _masks = [];
    private int[] _hiddenOutputs = [];
    private int[] _statePages = [];

    /// <summary>Rows: tokens computed in this step.</summary>
    public int RowCount { get; private set; }

    /// <summary>Token id per row; a negative value v stands for the token sampled as output ~v of the previous step, which the backend feeds from its own buffer.</summary>
    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, RowCount);

    /// <summary>Rotary position per row.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, RowCount);

    /// <summary>Page that each row's key and value go to.</summary>
    public ReadOnlySpan<int> AppendPages => _appendPages.AsSpan(0, RowCount);

    /// <summary>Slot within that page.</summary>
    public ReadOnlySpan<int> AppendSlots => _appendSlots.AsSpan(0, RowCount);

    /// <summary>The step's sequences, covering the rows in order.</summary>
    public ReadOnlySpan<StepSequence> Sequences => _sequences.AsSpan(0, SequenceCount);

    /// <summary>Number of sequences.</summary>
    public int SequenceCount { get; private set; }

    /// <summary>All page table entries, sequence after sequence.</summary>
    public ReadOnlySpan<StepPage> Entries => _entries.AsSpan(0, EntryCount);

    /// <summary>Number of entries.</summary>
    public int EntryCount { get; private set; }

    /// <summary>Pages of recurrent states, in the order in which they are filled; sequences say where theirs begin.</summary>
    public ReadOnlySpan<int> StatePages => _statePages.AsSpan(0, StatePageCount);

    /// <summary>Number of pages of recurrent states.</summary>
    public int StatePageCount { get; private set; }

    /// <summary>The rows by adapter, covering them in order.</summary>
    public ReadOnlySpan<StepSegment> Segments => _segments.AsSpan(0, SegmentCount);

    /// <summary>Number of segments.</summary>
    public int SegmentCount { get; private set; }

    /// <summary>Page copies done before anything is computed.</summary>
    public ReadOnlySpan<StepPageCopy> Copies => _copies.AsSpan(0, CopyCount);

    /// <summary>Number of copies.</summary>
    public int CopyCount { get; private set; }

    /// <summary>Outputs: sampled or scored rows, in ascending row order.</summary>
    public ReadOnlySpan<SampleRow> Outputs => _outputs.AsSpan(0, OutputCount);

    /// <summary>Number of outputs.</summary>
    public int OutputCount { get; private set; }

    /// <summary>Penalty entries of all outputs.</summary>
    public ReadOnlySpan<PenaltyToken> Penalties => _penalties.AsSpan(0, PenaltyCount);

    /// <summary>Number of penalty entries.</summary>
    public int PenaltyCount { get; private set; }

    /// <summary>Bias entries of all outputs.</summary>
    public ReadOnlySpan<TokenBias> Biases => _biases.AsSpan(0, BiasCount);

    /// <summary>Number of bias entries.</summary>
    public int BiasCount { get; private set; }

    /// <summary>
    /// Masks of all outputs, mask after mask: bit i of a mask's word w says that token 32 w + i may be taken. At least one token of the vocabulary may; bits beyond it say nothing.
    /// </summary>
    public ReadOnlySpan<uint> Masks => _masks.AsSpan(0, MaskWordCount);

    /// <summary>Number of mask words.</summary>
    public int MaskWordCount { get; private set; }

    /// <summary>Outputs whose hidden state is given back beside what they are for (<see cref="StepOutputs.Hidden"/>), in ascending order: embeddings.</summary>
    public ReadOnlySpan<int> HiddenOutputs => _hiddenOutputs.AsSpan(0, HiddenOutputCount);

    /// <summary>Number of outputs whose hidden state is given back; at most one of each sequence.</summary>
    public int HiddenOutputCount { get; private set; }

    /// <summary>
    /// Whether some masks are not known when the step is begun: a device that runs by itself (<see cref="Backends.IAsynchronousBackend"/>) computes everything up to the logits, and samples when it is told
    /// to. Other backends run no such step.
    /// </summary>
    public bool HasLateMasks { get; private set; }

    /// <summary>Empties the step.</summary>
    public void Clear()
    {
        HasLateMasks = false;
        RowCount = SequenceCount = EntryCount = SegmentCount = CopyCount = OutputCount = PenaltyCount = BiasCount = MaskWordCount = HiddenOutputCount = StatePageCount = 0;
    }

    /// <summary>Adds a row.</summary>
    public void AddRow(int tokenId, int position, int appendPage, int appendSlot)
    {
        var row = RowCount++;
        Grow(ref _tokenIds, RowCount)[row] = tokenId;
        Grow(ref _positions, RowCount)[row] = position;
        Grow(ref _appendPages, RowCount)[row] = appendPage;
        Grow(ref _appendSlots, RowCount)[row] = appendSlot;
    }

    /// <summary>Adds a sequence.</summary>
    public void AddSequence(in StepSequence sequence)
    {
        Grow(ref _sequences, SequenceCount + 1)[SequenceCount++] = sequence;
    }

    /// <summary>Adds a page table entry.</summary>
    public void AddEntry(int page, int validLength)
    {
        Grow(ref _entries, EntryCount + 1)[EntryCount++] = new StepPage { Page = page, ValidLength = validLength };
    }

    /// <summary>Adds a page of a recurrent state.</summary>
    public void AddStatePage(int page)
    {
        Grow(ref _statePages, StatePageCount + 1)[StatePageCount++] = page;
    }

    /// <summary>Adds rows of an adapter, joining them to the last segment when it is the same adapter's.</summary>
    public void AddSegment(int firstRow, int rowCount, int adapterSlot)
    {
        if (SegmentCount > 0 && _segments[SegmentCount - 1].AdapterSlot == adapterSlot)
        {
            _segments[SegmentCount - 1].RowCount += rowCount;
            return;
        }

        Grow(ref _segments, SegmentCount + 1)[SegmentCount++] = new StepSegment { FirstRow = firstRow, RowCount = rowCount, AdapterSlot = adapterSlot };
    }

    /// <summary>Adds a page copy.</summary>
    public void AddCopy(int source, int destination, int tokens)
    {
        Grow(ref _copies, CopyCount + 1)[CopyCount++] = new StepPageCopy { Source = source, Destination = destination, Tokens = tokens };
    }

    /// <summary>
    /// Adds an output; its ranges of penalties, biases and mask words refer to what is added with <see cref="AddPenalty"/>, <see cref="AddBias"/> and <see cref="AddMask"/>.
    /// </summary>
    public void AddOutput(in SampleRow output)
    {
        Grow(ref _outputs, OutputCount + 1)[OutputCount++] = output;
    }

    /// <summary>Asks for the hidden state of the output that was added last.</summary>
    public void AddHiddenOutput()
    {
        Grow(ref _hiddenOutputs, HiddenOutputCount + 1)[HiddenOutputCount++] = OutputCount - 1;
    }

    /// <summary>Adds a penalty entry.</summary>
    public void AddPenalty(int token, int outputCount)
    {
        Grow(ref _penalties, PenaltyCount + 1)[PenaltyCount++] = new PenaltyToken { Token = token, OutputCount = outputCount };
    }

    /// <summary>Adds a bias entry.</summary>
    public void AddBias(int token, float bias)
    {
        Grow(ref _biases, BiasCount + 1)[BiasCount++] = new TokenBias { Token = token, Bias = bias };
    }

    /// <summary>Adds a mask of allowed tokens, at most one for each output of the step.</summary>
    /// <param name="words">One word per 32 tokens of the vocabulary, the last one begun counted.</param>
    /// <returns>The <see cref="SampleRow.FirstMask"/> of the rows that sample under it.</returns>
    public int AddMask(ReadOnlySpan<uint> words)
    {
        var first = MaskWordCount;
        MaskWordCount += words.Length;
        words.CopyTo(Grow(ref _masks, MaskWordCount).AsSpan(first));
        return first;
    }

    /// <summary>Adds a mask that is not known yet: it allows everything until it is filled in.</summary>
    /// <param name="words">Its words.</param>
    /// <returns>The <see cref="SampleRow.FirstMask"/> of the rows that sample under it.</returns>
    public int AddLateMask(int words)
    {
        var first = MaskWordCount;
        MaskWordCount += words;
        Grow(ref _masks, MaskWordCount).AsSpan(first, words).Fill(uint.MaxValue);
        HasLateMasks = true;
        return first;
    }

    /// <summary>Fills a late mask in.</summary>
    public void FillMask(int first, ReadOnlySpan<uint> words) => words.CopyTo(_masks.AsSpan(first, words.Length));

    private static T[] Grow<T>(ref T[] array, int count)
    {
        if (array.Length < count)
        {
            Array.Resize(ref array, Math.Max(count, Math.Max(16, array.Length * 2)));
        }

        return array;
    }
}

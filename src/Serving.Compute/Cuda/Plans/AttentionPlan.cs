using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// The work of a step's attention. Few rows walk their context whole, or in pieces of some splits that are merged afterwards, as <see cref="AttentionShares"/> finds that
/// blocks are kept busy; many rows of one sequence are cut into tiles that walk all their splits. Sequences of one row that begin with the same pages are packed side by
/// side for the splits that lie in these pages. Splits are counted from ordinal 0 and merged in order, so that none of this changes a bit of the answer. Layers with a
/// window have a plan of their own, which gives out no split that lies before the windows of all of an item's rows.
/// </summary>
internal sealed class AttentionPlan
{
    /// <summary>SRV_ATTENTION_SPLIT: ordinals that have a softmax state of their own.</summary>
    public const int Split = 512;

    /// <summary>Packed rows (rows × query heads of a kv head) of an item of the decode kernel.</summary>
    public const int DecodeRows = 16;

    /// <summary>Packed rows of an item of the prefill kernel.</summary>
    public const int PrefillRows = 128;

    /// <summary>Sequences that must share a split before it is worth packing them.</summary>
    private const int MinSharing = 4;

    private readonly int _group;
    private readonly int _stateCapacity;
    private readonly int[] _rowOrdinals;
    private readonly int[] _rowPartials;
    private readonly int[] _sharedSplits;
    private readonly bool[] _isGrouped;
    private readonly AttentionShares _shares;
    private readonly LongestFirst _order;
    private readonly List<int> _rowList = [];
    private readonly List<AttentionItem> _items = [];
    private readonly List<AttentionItem> _few = [];
    private readonly List<AttentionItem> _wide = [];
    private int _most;

    /// <summary>Takes room for the largest step.</summary>
    /// <param name="shape">Head counts.</param>
    /// <param name="limits">The largest step.</param>
    /// <param name="stateCapacity">States that the device has room for; where they are used up, rows walk their splits one after the other.</param>
    /// <param name="blocks">Blocks of the decode kernel that are resident at once.</param>
    public AttentionPlan(ModelShape shape, StepLimits limits, int stateCapacity, int blocks)
    {
        _group = shape.HeadCount / shape.KvHeadCount;
        _stateCapacity = stateCapacity;
        _rowOrdinals = new int[limits.MaxRows];
        _rowPartials = new int[limits.MaxRows];
        _sharedSplits = new int[limits.MaxSequences];
        _isGrouped = new bool[limits.MaxSequences];
        _shares = new AttentionShares(blocks, shape.KvHeadCount, limits.MaxContext);
        _order = new LongestFirst(limits.MaxContext);
    }

    /// <summary>Whether single rows that share pages are packed side by side.</summary>
    public bool GroupsSharedPages { get; init; } = true;

    /// <summary>Ordinals that a row sees, its own the last; 0 for all.</summary>
    public int Window { get; init; }

    /// <summary>Splits of a piece at most, whatever would keep blocks busy; null to choose step by step.</summary>
    public int? MostSplits { get; init; }

    /// <summary>Rows of the step.</summary>
    public int RowCount { get; private set; }

    /// <summary>Rows of the items.</summary>
    public ReadOnlySpan<int> RowList => CollectionsMarshal.AsSpan(_rowList);

    /// <summary>Ordinal by row.</summary>
    public ReadOnlySpan<int> RowOrdinals => _rowOrdinals.AsSpan(0, RowCount);

    /// <summary>First state by row, or −1.</summary>
    public ReadOnlySpan<int> RowPartials => _rowPartials.AsSpan(0, RowCount);

    /// <summary>The items: those of at most <see cref="DecodeRows"/> packed rows first, the longest of them first.</summary>
    public ReadOnlySpan<AttentionItem> Items => CollectionsMarshal.AsSpan(_items);

    /// <summary>Items for the decode kernel.</summary>
    public ListRange Decode { get; private set; }

    /// <summary>Items for the prefill kernel.</summary>
    public ListRange Prefill { get; private set; }

    /// <summary>States in use; with none there is nothing to merge.</summary>
    public int StateCount { get; private set; }

    /// <summary>Items that a step can take at most.</summary>
    public static long Capacity(StepLimits limits, int window = 0) => limits.MaxRows + ((long)limits.MaxSequences * MostSplitsOf(limits, window));

    /// <summary>Splits of which the few rows of a sequence see something, at most.</summary>
    private static int MostSplitsOf(StepLimits limits, int window)
    {
        var all = (limits.MaxContext + Split - 1) / Split;
        return window == 0 ? all : (int)Math.Min(all, (((long)window + DecodeRows) / Split) + 2);
    }

    /// <summary>Plans a step.</summary>
    public void Build(StepInputs inputs)
    {
        RowCount = inputs.RowCount;
        StateCount = 0;
        _rowList.Clear();
        _few.Clear();
        _wide.Clear();
        FillRows(inputs.Sequences);
        FindSharing(inputs);
        _most = MostSplits ?? ChoosePieces(inputs);
        for (var i = 0; i < inputs.SequenceCount; i++)
        {
            AddSequence(inputs.Sequences[i], _sharedSplits[i]);
        }

        _order.Fill(_items, CollectionsMarshal.AsSpan(_few));
        Decode = new ListRange { First = 0, Count = _items.Count };
        Prefill = new ListRange { First = _items.Count, Count = _wide.Count };
        _items.AddRange(_wide);
    }

    private static int SplitsOf(in StepSequence sequence) => ((sequence.FirstOrdinal + sequence.RowCount - 1) / Split) + 1;

    private void FillRows(ReadOnlySpan<StepSequence> sequences)
    {
        _rowPartials.AsSpan(0, RowCount).Fill(-1);
        foreach (var sequence in sequences)
        {
            for (var row = 0; row < sequence.RowCount; row++)
            {
                _rowOrdinals[sequence.FirstRow + row] = sequence.FirstOrdinal + row;
            }
        }
    }

    /// <summary>Where a walk begins for a row and those behind it: the tile of the first ordinal that it sees.</summary>
    private int BeginOf(int ordinal) => Window == 0 ? 0 : Math.Max(0, ordinal + 1 - Window) / AttentionShares.TileTokens * AttentionShares.TileTokens;

    private bool HasFewRows(int rows) => rows * _group <= DecodeRows;

    /// <summary>Rows of an item that walks its context whole.</summary>
    private int TileOf(in StepSequence sequence) => HasFewRows(sequence.RowCount) ? sequence.RowCount : Math.Max(1, PrefillRows / _group);

    /// <summary>Looks at all that the decode kernel will be given.</summary>
    private int ChoosePieces(StepInputs inputs)
    {
        _shares.Begin(merges: StateCount > 0);
        for (var i = 0; i < inputs.SequenceCount; i++)
        {
            ref readonly var sequence = ref inputs.Sequences[i];
            var (tile, tokens) = (TileOf(sequence), sequence.FirstOrdinal + sequence.RowCount);
            var rest = sequence.RowCount % tile;
            if (HasFewRows(sequence.RowCount))
            {
                _shares.Add(tokens - Math.Max(_sharedSplits[i] * Split, BeginOf(sequence.FirstOrdinal)), isCut: true);
            }
            else if (rest > 0 && HasFewRows(rest))
            {
                _shares.Add(tokens - BeginOf(tokens - rest), isCut: false);
            }
        }

        return _shares.Choose();
    }

    private void AddSequence(in StepSequence sequence, int sharedSplits)
    {
        var splits = SplitsOf(sequence);
        var from = Math.Max(sharedSplits, BeginOf(sequence.FirstOrdinal) / Split);
        var pieces = AttentionShares.PiecesOf(splits - from, _most);
        var first = AddRows(sequence.FirstRow, sequence.RowCount);
        var tokens = sequence.FirstEntry * ModelShape.PageTokens;
        if (sharedSplits > 0 || (HasFewRows(sequence.RowCount) && pieces > 1 && TakeStates(sequence, splits)))
        {
            for (var piece = 0; piece < pieces; piece++)
            {
                var begin = AttentionShares.FirstSplitOf(piece, pieces, splits - from);
                var end = AttentionShares.FirstSplitOf(piece + 1, pieces, splits - from);
                _few.Add(Item(first, sequence.RowCount, tokens, from + begin, end - begin, partial: true));
            }

            return;
        }

        var tile = TileOf(sequence);
        for (var row = 0; row < sequence.RowCount; row += tile)
        {
            var rows = Math.Min(tile, sequence.RowCount - row);
            var begin = BeginOf(sequence.FirstOrdinal + row) / Split;
            var end = ((sequence.FirstOrdinal + row + rows - 1) / Split) + 1;
            (HasFewRows(rows) ? _few : _wide).Add(Item(first + row, rows, tokens, begin, end - begin, partial: false));
        }
    }

    private bool TakeStates(in StepSequence sequence, int splits)
    {
        var wanted = splits * sequence.RowCount;
        if (StateCount + wanted > _stateCapacity)
        {
            return false;
        }

        for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
        {
            _rowPartials[row] = StateCount;
            StateCount += splits;
        }

        return true;
    }

    /// <summary>For every sequence of one row, how many leading splits it shares with at least three others; those splits become wide items.</summary>
    private void FindSharing(StepInputs inputs)
    {
        _sharedSplits.AsSpan(0, inputs.SequenceCount).Clear();
        _isGrouped.AsSpan(0, inputs.SequenceCount).Clear();
        for (var i = 0; GroupsSharedPages && i < inputs.SequenceCount; i++)
        {
            var splits = _isGrouped[i] || inputs.Sequences[i].RowCount != 1 || !SeesAll(inputs.Sequences[i]) ? 0 : SharedSplits(inputs, i);
            if (splits > 0)
            {
                AddGroup(inputs, i, splits);
            }
        }
    }

    /// <summary>The most splits, counted from the first, that enough later sequences of one row have in common with this one; at most its whole ones.</summary>
    private int SharedSplits(StepInputs inputs, int index)
    {
        var splits = inputs.Sequences[index].FirstOrdinal / Split;
        if (splits > 0 && CountSharing(inputs, index, 1) < MinSharing)
        {
            // Most sequences share nothing. Asking from the most splits down would look at every other one for each of them: a millisecond for 200 of 4k.
            return 0;
        }

        while (splits > 0 && CountSharing(inputs, index, splits) < MinSharing)
        {
            splits--;
        }

        return splits;
    }

    private int CountSharing(StepInputs inputs, int index, int splits)
    {
        var count = 1;
        for (var other = index + 1; other < inputs.SequenceCount; other++)
        {
            count += !_isGrouped[other] && Shares(inputs, index, other, splits) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Whether a row's window reaches back to its sequence's first token: others' splits that it shares with it, it would walk for nothing.</summary>
    private bool SeesAll(in StepSequence sequence) => Window == 0 || sequence.FirstOrdinal < Window;

    /// <summary>Whether the first tokens of two sequences of one row lie in the same slots.</summary>
    private bool Shares(StepInputs inputs, int a, int b, int splits)
    {
        var (first, second) = (inputs.Sequences[a], inputs.Sequences[b]);
        if (second.RowCount != 1 || second.FirstOrdinal < splits * Split || !SeesAll(second))
        {
            return false;
        }

        for (int tokens = 0, entry = 0; tokens < splits * Split; entry++)
        {
            var (left, right) = (inputs.Entries[first.FirstEntry + entry], inputs.Entries[second.FirstEntry + entry]);
            if (left.Page != right.Page || left.ValidLength != right.ValidLength)
            {
                return false;
            }

            tokens += left.ValidLength;
        }

        return true;
    }

    private void AddGroup(StepInputs inputs, int index, int splits)
    {
        var first = _rowList.Count;
        for (var other = index; other < inputs.SequenceCount; other++)
        {
            var sequence = inputs.Sequences[other];
            if (other == index || (!_isGrouped[other] && Shares(inputs, index, other, splits)))
            {
                if (!TakeStates(sequence, SplitsOf(sequence)))
                {
                    break;
                }

                _isGrouped[other] = true;
                _sharedSplits[other] = splits;
                _rowList.Add(sequence.FirstRow);
            }
        }

        AddWideItems(first, _rowList.Count - first, inputs.Sequences[index].FirstEntry * ModelShape.PageTokens, splits);
    }

    private void AddWideItems(int first, int rows, int tokens, int splits)
    {
        var tile = Math.Max(1, PrefillRows / _group);
        for (var split = 0; split < splits; split++)
        {
            for (var row = 0; row < rows; row += tile)
            {
                _wide.Add(Item(first + row, Math.Min(tile, rows - row), tokens, split, 1, partial: true));
            }
        }
    }

    private int AddRows(int firstRow, int count)
    {
        var first = _rowList.Count;
        for (var row = 0; row < count; row++)
        {
            _rowList.Add(firstRow + row);
        }

        return first;
    }

    private AttentionItem Item(int firstRow, int rows, int firstToken, int firstSplit, int splits, bool partial)
    {
        var (least, last) = (int.MaxValue, 0);
        for (var row = firstRow; row < firstRow + rows; row++)
        {
            var ordinal = _rowOrdinals[_rowList[row]];
            (least, last) = (Math.Min(least, ordinal), Math.Max(last, ordinal));
        }

        return new()
        {
            FirstRow = firstRow,
            RowCount = rows,
            FirstToken = firstToken,
            FirstSplit = firstSplit,
            SplitCount = splits,
            Partial = partial ? 1 : 0,
            LastOrdinal = last,
            BeginOrdinal = Math.Max(firstSplit * Split, BeginOf(least)),
        };
    }
}

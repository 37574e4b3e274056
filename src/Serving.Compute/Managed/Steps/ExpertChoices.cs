using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>Neighbouring rows, of a buffer with a row per choice, that go through one expert.</summary>
/// <param name="Expert">The expert.</param>
/// <param name="First">First row.</param>
/// <param name="Count">Number of rows.</param>
internal readonly record struct ExpertRows(int Expert, int First, int Count);

/// <summary>
/// Which experts the rows of a step chose in the layer that runs, and where each choice lies among all, sorted by expert and then by row. Choice i of a row has the number
/// row × choices + i; its place is its row in every buffer of <see cref="BufferRows.Choice"/>.
/// </summary>
internal sealed class ExpertChoices
{
    private readonly MixtureShape _mixture;
    private readonly int[] _experts;
    private readonly float[] _weights;
    private readonly int[] _places;
    private readonly int[] _rows;
    private readonly int[] _starts;
    private readonly int[] _slots;
    private readonly ExpertRows[] _blocks;
    private readonly RowRange[] _adapterRows;
    private int _blockCount;
    private int _adapterRowCount;

    /// <summary>Takes the tables for steps of up to <paramref name="maxRows"/> rows.</summary>
    public ExpertChoices(MixtureShape mixture, int maxRows)
    {
        _mixture = mixture;
        var choices = checked(maxRows * mixture.ChoiceCount);
        _experts = new int[choices];
        _weights = new float[choices];
        _places = new int[choices];
        _rows = new int[choices];
        _slots = new int[choices];
        _adapterRows = new RowRange[choices];
        _starts = new int[mixture.ExpertCount + 1];
        _blocks = new ExpertRows[(choices / LinearTiles.MaxRows) + mixture.ExpertCount];
    }

    /// <summary>Choices of a row.</summary>
    public int PerRow => _mixture.ChoiceCount;

    /// <summary>Runs of at most <see cref="LinearTiles.MaxRows"/> places that go through one expert.</summary>
    public ReadOnlySpan<ExpertRows> Blocks => _blocks.AsSpan(0, _blockCount);

    /// <summary>The experts of a row, in the order of its choices: to be filled before <see cref="Sort"/>.</summary>
    public Span<int> ExpertsOf(int row) => _experts.AsSpan(row * PerRow, PerRow);

    /// <summary>Their weights: to be filled before <see cref="Sort"/>.</summary>
    public Span<float> WeightsOf(int row) => _weights.AsSpan(row * PerRow, PerRow);

    /// <summary>Where a row's choices lie.</summary>
    public ReadOnlySpan<int> PlacesOf(int row) => _places.AsSpan(row * PerRow, PerRow);

    /// <summary>Whose choice lies at a place.</summary>
    public int RowAt(int place) => _rows[place];

    /// <summary>The adapter slot of the row whose choice lies at a place, −1 for the base model.</summary>
    public int SlotAt(int place) => _slots[place];

    /// <summary>
    /// Runs of at most <see cref="StepState.ShrinkRows"/> places that share an adapter and an expert: rows of an adapter lie side by side in a step, and so do they among those of
    /// an expert.
    /// </summary>
    public ReadOnlySpan<RowRange> AdapterRows => _adapterRows.AsSpan(0, _adapterRowCount);

    /// <summary>Finds the places of the choices of the first rows, whose adapters' slots are given.</summary>
    public void Sort(int rowCount, ReadOnlySpan<int> rowSlots)
    {
        var choices = _experts.AsSpan(0, rowCount * PerRow);
        _starts.AsSpan().Clear();
        foreach (var expert in choices)
        {
            _starts[expert + 1]++;
        }

        _blockCount = 0;
        for (var expert = 0; expert < _mixture.ExpertCount; expert++)
        {
            AddBlocks(expert, _starts[expert], _starts[expert + 1]);
            _starts[expert + 1] += _starts[expert];
        }

        for (var choice = 0; choice < choices.Length; choice++)
        {
            var place = _starts[choices[choice]]++;
            _places[choice] = place;
            _rows[place] = choice / PerRow;
            _slots[place] = rowSlots[choice / PerRow];
        }

        _adapterRowCount = 0;
        foreach (var block in Blocks)
        {
            AddAdapterRows(block);
        }
    }

    private void AddAdapterRows(ExpertRows block)
    {
        var end = block.First + block.Count;
        for (var place = block.First; place < end;)
        {
            var (first, slot) = (place, _slots[place]);
            for (; place < end && _slots[place] == slot && place - first < StepState.ShrinkRows; place++)
            {
            }

            if (slot >= 0)
            {
                _adapterRows[_adapterRowCount++] = new RowRange(first, place - first, slot, block.Expert);
            }
        }
    }

    private void AddBlocks(int expert, int first, int count)
    {
        for (var row = 0; row < count; row += LinearTiles.MaxRows)
        {
            _blocks[_blockCount++] = new ExpertRows(expert, first + row, Math.Min(LinearTiles.MaxRows, count - row));
        }
    }
}

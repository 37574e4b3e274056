using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Contracts;

/// <summary>A sequence of a session: its tokens and its page table. Chunks of it are added to the steps that the session builds.</summary>
/// <param name="session">The session.</param>
/// <param name="adapterSlot">Adapter slot, −1 for the base model.</param>
public sealed class TestSequence(BackendSession session, int adapterSlot = -1)
{
    private readonly List<StepPage> _table = [];
    private int[]? _spare;
    private bool _keepsState;

    /// <summary>Tokens computed so far, their number being the next ordinal.</summary>
    public int Computed { get; private set; }

    /// <summary>Added to an ordinal to give its position.</summary>
    public int PositionOffset { get; set; }

    /// <summary>The page table.</summary>
    public IReadOnlyList<StepPage> Table => _table;

    /// <summary>Pages of its recurrent state behind what is computed: what its next chunk reads. Null before its first token, and of models without one.</summary>
    public int[]? State { get; private set; }

    /// <summary>Keeps its state as it is now, so that others can take it over: the next chunks are written elsewhere.</summary>
    public int[] KeepState()
    {
        _keepsState = true;
        return State!;
    }

    /// <summary>Takes over a state that another sequence keeps.</summary>
    public void ImportState(int[] pages) => (State, _keepsState) = (pages, true);

    /// <summary>Takes over pages that are computed already: a prefix or a module of another sequence.</summary>
    public void Import(params (int Page, int ValidLength)[] entries)
    {
        foreach (var (page, length) in entries)
        {
            _table.Add(new StepPage { Page = page, ValidLength = length });
            Computed += length;
        }
    }

    /// <summary>Makes the next token go to a new page, leaving the last one partly filled, as after an imported module.</summary>
    public void StartPage() => _table.Add(new StepPage { Page = session.TakePage() });

    /// <summary>Adds rows for <paramref name="tokens"/> to the session's step, and an output for the last or for every row, or every one of the given ordinals.</summary>
    public void AddChunk(IReadOnlyList<int> tokens, SampleRow? last = null, SampleRow? every = null, IReadOnlyCollection<int>? ordinals = null)
    {
        var inputs = session.Inputs;
        var firstRow = inputs.RowCount;
        var firstOrdinal = Computed;
        for (var i = 0; i < tokens.Count; i++)
        {
            Append(tokens[i]);
            var wanted = i == tokens.Count - 1 ? last ?? every : every;
            if (wanted is { } output && ordinals?.Contains(firstOrdinal + i) != false)
            {
                output.Row = firstRow + i;
                inputs.AddOutput(output);
            }
        }

        var firstEntry = inputs.EntryCount;
        foreach (var entry in _table)
        {
            inputs.AddEntry(entry.Page, entry.ValidLength);
        }

        var (read, write) = AddState();
        inputs.AddSequence(new StepSequence
        {
            FirstRow = firstRow,
            RowCount = tokens.Count,
            FirstOrdinal = firstOrdinal,
            FirstEntry = firstEntry,
            EntryCount = _table.Count,
            StateRead = read,
            StateWrite = write,
        });
        inputs.AddSegment(firstRow, tokens.Count, adapterSlot);
    }

    /// <summary>Adds the pages of the state that is read and of the one that is written, which take turns.</summary>
    private (int Read, int Write) AddState()
    {
        var count = session.Test.Program.Shape.StatePages;
        if (count == 0)
        {
            return (-1, -1);
        }

        var written = _spare ?? [.. Enumerable.Range(0, count).Select(_ => session.TakePage())];
        var places = (State is null ? -1 : Add(State), Add(written));
        (State, _spare, _keepsState) = (written, _keepsState ? null : State, false);
        return places;

        int Add(int[] pages)
        {
            var first = session.Inputs.StatePageCount;
            Array.ForEach(pages, session.Inputs.AddStatePage);
            return first;
        }
    }

    private void Append(int token)
    {
        if (_table.Count == 0 || _table[^1].ValidLength == ModelShape.PageTokens)
        {
            StartPage();
        }

        var entry = _table[^1];
        session.Inputs.AddRow(token, Computed + PositionOffset, entry.Page, entry.ValidLength);
        entry.ValidLength++;
        _table[^1] = entry;
        Computed++;
    }
}

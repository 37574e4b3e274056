using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Contracts;

/// <summary>A sequence of a session: its tokens and its page table. Chunks of it are added to the steps that the session builds.</summary>
/// <param name="session">The session.</param>
/// <param name="adapterSlot">Adapter slot, −1 for the base model.</param>
public sealed class TestSequence(BackendSession session, int adapterSlot = -1)
{
    private readonly List<StepPage> _table = [];

    /// <summary>Tokens computed so far, their number being the next ordinal.</summary>
    public int Computed { get; private set; }

    /// <summary>Added to an ordinal to give its position.</summary>
    public int PositionOffset { get; set; }

    /// <summary>The page table.</summary>
    public IReadOnlyList<StepPage> Table => _table;

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

        inputs.AddSequence(new StepSequence
        {
            FirstRow = firstRow,
            RowCount = tokens.Count,
            FirstOrdinal = firstOrdinal,
            FirstEntry = firstEntry,
            EntryCount = _table.Count,
        });
        inputs.AddSegment(firstRow, tokens.Count, adapterSlot);
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

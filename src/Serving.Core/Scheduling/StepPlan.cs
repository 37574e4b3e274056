using System.Runtime.InteropServices;
using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>
/// What one step computes. A view of arrays that are filled again two plans later: it is valid until its <c>Complete</c>. Read-only outside the scheduler.
/// </summary>
public sealed class StepPlan
{
    private readonly List<int> _tokenIds = [];
    private readonly List<int> _positions = [];
    private readonly List<PlannedSequence> _sequences = [];
    private readonly List<PageEntry> _pages = [];
    private readonly List<PageCopy> _copies = [];
    private readonly List<PageId> _statePages = [];
    private readonly List<PlannedOutput> _outputs = [];
    private readonly List<int> _lateOutputs = [];
    private int _hidden;
    private readonly List<PlanPart> _parts = [];

    internal StepPlan(SchedulerOptions options)
    {
        _tokenIds.EnsureCapacity(options.MaxBatchedTokens + 1);
        _positions.EnsureCapacity(options.MaxBatchedTokens + 1);
        _outputs.EnsureCapacity(options.MaxBatchedTokens + 1);
        _sequences.EnsureCapacity(options.Seats);
        _copies.EnsureCapacity(options.Seats);
        _parts.EnsureCapacity(options.Seats);
        _lateOutputs.EnsureCapacity(options.Seats);
        _pages.EnsureCapacity(options.PageCount);
        _statePages.EnsureCapacity(options.StatePages == 0 ? 0 : options.PageCount); // Every sequence has as many pages of its own as it adds.
    }

    /// <summary>Its number; the plan before has the number before.</summary>
    public long Number { get; private set; }

    /// <summary>When it was made.</summary>
    internal long ScheduledAt { get; private set; }

    /// <summary>Rows: tokens computed.</summary>
    public int RowCount => _tokenIds.Count;

    /// <summary>Token id per row; a negative value v stands for the token sampled as output ~v of the plan before, which is still in flight.</summary>
    public ReadOnlySpan<int> TokenIds => CollectionsMarshal.AsSpan(_tokenIds);

    /// <summary>Rotary position per row: the ordinal, unless a schema leaves gaps.</summary>
    public ReadOnlySpan<int> Positions => CollectionsMarshal.AsSpan(_positions);

    /// <summary>The sequences, covering the rows in order; those of one adapter slot lie side by side.</summary>
    public ReadOnlySpan<PlannedSequence> Sequences => CollectionsMarshal.AsSpan(_sequences);

    /// <summary>Page table entries, sequence after sequence.</summary>
    public ReadOnlySpan<PageEntry> Pages => CollectionsMarshal.AsSpan(_pages);

    /// <summary>Pages of the sequences' recurrent states, those read and those written.</summary>
    public ReadOnlySpan<PageId> StatePages => CollectionsMarshal.AsSpan(_statePages);

    /// <summary>Pages copied before anything is computed.</summary>
    public ReadOnlySpan<PageCopy> Copies => CollectionsMarshal.AsSpan(_copies);

    /// <summary>Rows whose next token is sampled or scored, in ascending order.</summary>
    public ReadOnlySpan<PlannedOutput> Outputs => CollectionsMarshal.AsSpan(_outputs);

    /// <summary>
    /// Outputs, in ascending order, of constrained sequences whose last token is pending: what they may sample is known once the plan before is complete, which need not keep anybody from
    /// computing everything up to their logits. That <c>Complete</c> leaves those here for which it is known then; what the others sample counts for nothing, whatever it is.
    /// </summary>
    public ReadOnlySpan<int> LateOutputs => CollectionsMarshal.AsSpan(_lateOutputs);

    /// <summary>What the scheduler keeps with each sequence of the plan.</summary>
    internal ReadOnlySpan<PlanPart> Parts => CollectionsMarshal.AsSpan(_parts);

    internal void Begin(long number, long now)
    {
        Number = number;
        ScheduledAt = now;
        _tokenIds.Clear();
        _positions.Clear();
        _sequences.Clear();
        _pages.Clear();
        _copies.Clear();
        _statePages.Clear();
        _outputs.Clear();
        _parts.Clear();
        _lateOutputs.Clear();
        _hidden = 0;
    }

    internal void AddRow(int token, int position)
    {
        _tokenIds.Add(token);
        _positions.Add(position);
    }

    internal int AddPages(PageTable table, int tokens)
    {
        var first = _pages.Count;
        CollectionsMarshal.SetCount(_pages, first + table.EntriesFor(tokens));
        var count = table.Write(tokens, CollectionsMarshal.AsSpan(_pages)[first..]);
        CollectionsMarshal.SetCount(_pages, first + count);
        return count;
    }

    /// <summary>Adds a version of a recurrent state.</summary>
    /// <returns>Its first page's place.</returns>
    internal int AddState(ReadOnlySpan<PageId> version)
    {
        var first = _statePages.Count;
        _statePages.AddRange(version);
        return first;
    }

    internal void AddCopy(PageCopy copy) => _copies.Add(copy);

    internal void AddOutput(PlannedOutput output) => _outputs.Add(output);

    /// <summary>Adds an output whose hidden state is given back.</summary>
    internal void AddHiddenOutput(int sequence, int row, int token) => AddOutput(new PlannedOutput(sequence, row, token, 0, _hidden++));

    internal void AddLateOutput(int output) => _lateOutputs.Add(output);

    /// <summary>Keeps one of the late outputs as the <paramref name="place"/>th.</summary>
    internal void KeepLateOutput(int place, int output) => _lateOutputs[place] = output;

    /// <summary>Drops the late outputs behind the first so many.</summary>
    internal void TrimLateOutputs(int count) => CollectionsMarshal.SetCount(_lateOutputs, count);

    /// <summary>The one output of a part does not count, nor does its row.</summary>
    internal void Withdraw(int part) => _parts[part] = _parts[part] with { IsWithdrawn = true };

    internal void AddSequence(PlannedSequence sequence, PlanPart part)
    {
        _sequences.Add(sequence);
        _parts.Add(part);
    }

    /// <summary>A sequence's part of the plan, in the scheduler's terms.</summary>
    /// <param name="State">The sequence.</param>
    /// <param name="Epoch">Its epoch then: another one now means that its pages were taken meanwhile.</param>
    /// <param name="FirstOutput">First of its outputs.</param>
    /// <param name="OutputCount">Number of its outputs.</param>
    /// <param name="IsWithdrawn">What its one row and output come to counts for nothing: both are computed again.</param>
    internal readonly record struct PlanPart(SequenceState State, int Epoch, int FirstOutput, int OutputCount, bool IsWithdrawn = false);
}

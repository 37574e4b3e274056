using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>The rows of one sequence in a step.</summary>
/// <param name="Sequence">Whose.</param>
/// <param name="FirstRow">First row.</param>
/// <param name="RowCount">Rows: tokens with consecutive ordinals.</param>
/// <param name="FirstOrdinal">Ordinal of the first row: tokens before it whose keys and values are in the pages.</param>
/// <param name="FirstPage">First of its entries in <see cref="StepPlan.Pages"/>.</param>
/// <param name="PageCount">Number of its entries; their valid lengths sum to FirstOrdinal + RowCount.</param>
/// <param name="AdapterSlot">Slot of its adapter; -1 is the base model.</param>
/// <param name="DraftCount">The last ones of its rows that are guesses: a row counts if it holds what the row before it samples.</param>
/// <param name="StateRead">First of the pages in <see cref="StepPlan.StatePages"/> that hold its recurrent state before its first row; -1 before its first token, and of models without one.</param>
/// <param name="StateWrite">First of the pages that its state behind its last row goes to, <see cref="SchedulerOptions.StatePages"/> of them in either place.</param>
public readonly record struct PlannedSequence(
    Sequence Sequence, int FirstRow, int RowCount, int FirstOrdinal, int FirstPage, int PageCount, int AdapterSlot, int DraftCount = 0,
    int StateRead = -1, int StateWrite = -1);

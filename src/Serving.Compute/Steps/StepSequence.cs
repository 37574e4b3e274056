using System.Runtime.InteropServices;

namespace Serving.Compute.Steps;

/// <summary>The rows of one sequence in a step, and its page table.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StepSequence
{
    /// <summary>First step row.</summary>
    public int FirstRow;

    /// <summary>Number of rows: new tokens of the sequence, with consecutive ordinals.</summary>
    public int RowCount;

    /// <summary>Ordinal of the first row: the number of valid tokens before it. Row i attends to ordinals 0 … FirstOrdinal + i.</summary>
    public int FirstOrdinal;

    /// <summary>First of this sequence's entries in <see cref="StepInputs.Entries"/>.</summary>
    public int FirstEntry;

    /// <summary>Number of its entries; their valid lengths sum to FirstOrdinal + RowCount.</summary>
    public int EntryCount;

    /// <summary>First of the pages in <see cref="StepInputs.StatePages"/> that hold its recurrent state before its first row; -1 for zeros, as before the first token. Of models with such a state only.</summary>
    public int StateRead;

    /// <summary>
    /// First of the pages that its state behind its last row is written to: others than those read, so that a step can be run again. As many in either place as <c>ModelShape.StatePages</c> says.
    /// </summary>
    public int StateWrite;
}

/// <summary>A page of a sequence and how many of its 16 slots belong to it; ordinals run through the entries in order.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StepPage
{
    /// <summary>Page index in the pool.</summary>
    public int Page;

    /// <summary>Valid slots, 1 … 16, from slot 0; in a step the tokens being appended count too.</summary>
    public int ValidLength;
}

/// <summary>The rows of one adapter, side by side.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StepSegment
{
    /// <summary>First step row.</summary>
    public int FirstRow;

    /// <summary>Number of rows.</summary>
    public int RowCount;

    /// <summary>Adapter slot, or -1 for the base model.</summary>
    public int AdapterSlot;
}

/// <summary>Keys and values of the first slots of a page, copied over all layers before the step computes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StepPageCopy
{
    /// <summary>Page read.</summary>
    public int Source;

    /// <summary>Page written.</summary>
    public int Destination;

    /// <summary>Slots copied, from slot 0.</summary>
    public int Tokens;
}

using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>
/// Where everything that varies from step to step lies in one block of memory: written by the host in pinned memory, copied as one piece, read by kernels
/// through addresses that never change. The lists behind <see cref="Entries"/> are long and seldom used; each is copied by itself, if at all.
/// </summary>
internal sealed class StepLayout
{
    /// <summary>Biases of one output at most: OpenAI's 300, and room.</summary>
    private const int BiasesPerSequence = 512;

    /// <summary>Page table entries of a sequence beyond its full pages: modules end in pages that are not full.</summary>
    private const int PartialEntries = 128;

    /// <summary>Versions of its state that a sequence has in a step: one is read, another one written.</summary>
    private const int VersionsPerSequence = 2;

    private const int Alignment = 16;

    /// <summary>Lays out the block for the largest step.</summary>
    /// <param name="program">The model.</param>
    /// <param name="limits">The largest step.</param>
    public StepLayout(ModelProgram program, StepLimits limits)
    {
        Limits = limits;
        Sites = [.. program.Ops.OfType<LinearOp>().Where(op => op.Slices.Count > 0).Select(op => new ShrinkSite(op.Slices[0].Index, op.Slices.Count, op.Slices[0].InputWidth))];
        var tiles = limits.MaxSequences + (limits.MaxRows / RowTile.MaxRows) + 1;
        var splits = (limits.MaxContext + AttentionPlan.Split - 1) / AttentionPlan.Split;
        var entries = limits.MaxSequences * (((limits.MaxContext + ModelShape.PageTokens - 1) / ModelShape.PageTokens) + PartialEntries);
        StateCapacity = limits.MaxSequences * splits;
        Header = Add<StepHeader>("headers", 1);
        TokenIds = Add<int>("rows", limits.MaxRows);
        Positions = Add<int>("rows", limits.MaxRows);
        AppendPages = Add<int>("rows", limits.MaxRows);
        AppendSlots = Add<int>("rows", limits.MaxRows);
        RowSlots = Add<int>("rows", limits.MaxRows);
        RowOrdinals = Add<int>("rows", limits.MaxRows);
        RowSequences = Add<int>("rows", program.Shape.StateBytes > 0 ? limits.MaxRows : 0);
        Sequences = Add<StepSequence>("sequences", limits.MaxSequences);
        Copies = Add<StepPageCopy>("page copies", limits.MaxSequences);
        SampleRows = Add<SampleRow>("outputs", limits.MaxOutputs);
        Attention = [.. program.Ops.OfType<PagedAttentionOp>().Select(op => op.Window).Distinct().Select(AddAttention)];
        Tiles = Add<RowTile>("tiles of rows", limits.MaxRows);
        ShrinkRanges = Add<ListRange>("lists of shrinks", Sites.Count);
        Entries = Add<StepPage>("page table entries", entries);
        ShrinkItems = Add<ShrinkItem>("shrinks", (int)Math.Min(int.MaxValue, ShrinkPlan.Capacity(Sites, tiles, LoraParameters.MaxRank)));
        StatePages = Add<int>("pages of states", checked(limits.MaxSequences * VersionsPerSequence * program.Shape.StatePages));
        Biases = Add<TokenBias>("biases", limits.MaxSequences * BiasesPerSequence);
        Masks = Add<uint>("words of masks", checked(limits.MaxSequences * ((program.Shape.VocabularySize + 31) / 32)));
        Penalties = Add<PenaltyToken>("penalties", checked(limits.MaxSequences * Math.Min(limits.MaxContext, program.Shape.VocabularySize)));
    }

    /// <summary>The largest step.</summary>
    public StepLimits Limits { get; }

    /// <summary>Bytes of the whole block.</summary>
    public long Bytes { get; private set; }

    /// <summary>Attention states that splits can be given out to.</summary>
    public int StateCapacity { get; }

    /// <summary>One <see cref="StepHeader"/>.</summary>
    public BlockSection Header { get; }

    /// <summary>Token id per row.</summary>
    public BlockSection TokenIds { get; }

    /// <summary>Rotary position per row.</summary>
    public BlockSection Positions { get; }

    /// <summary>Page that a row's key and value go to.</summary>
    public BlockSection AppendPages { get; }

    /// <summary>Slot within that page.</summary>
    public BlockSection AppendSlots { get; }

    /// <summary>Adapter slot per row, or −1.</summary>
    public BlockSection RowSlots { get; }

    /// <summary>Ordinal per row.</summary>
    public BlockSection RowOrdinals { get; }

    /// <summary>Which of the step's sequences a row is one of: of models with a recurrent state.</summary>
    public BlockSection RowSequences { get; }

    /// <summary>Sequences.</summary>
    public BlockSection Sequences { get; }

    /// <summary>Page copies.</summary>
    public BlockSection Copies { get; }

    /// <summary>Outputs.</summary>
    public BlockSection SampleRows { get; }

    /// <summary>Units of attention, by the windows that layers have.</summary>
    public IReadOnlyList<AttentionLists> Attention { get; }

    /// <summary>Linears that adapters may change, in the program's order.</summary>
    public IReadOnlyList<ShrinkSite> Sites { get; }

    /// <summary>Rows by adapter.</summary>
    public BlockSection Tiles { get; }

    /// <summary>Where each site's units lie in <see cref="ShrinkItems"/>.</summary>
    public BlockSection ShrinkRanges { get; }

    /// <summary>Units of shrinks.</summary>
    public BlockSection ShrinkItems { get; }

    /// <summary>Page table entries.</summary>
    public BlockSection Entries { get; }

    /// <summary>Pages of recurrent states, read and written.</summary>
    public BlockSection StatePages { get; }

    /// <summary>Biases of all outputs.</summary>
    public BlockSection Biases { get; }

    /// <summary>Masks of all outputs: a sequence is sampled once in a step.</summary>
    public BlockSection Masks { get; }

    /// <summary>Penalties of all outputs.</summary>
    public BlockSection Penalties { get; }

    private AttentionLists AddAttention(int window)
    {
        var ranges = Add<AttentionRanges>("ranges of attention items", 1);
        var rowList = Add<int>("rows of attention items", Limits.MaxRows + Limits.MaxSequences);
        var rowPartials = Add<int>("rows", Limits.MaxRows);
        return new AttentionLists(window, rowList, rowPartials, Add<AttentionItem>("attention items", (int)AttentionPlan.Capacity(Limits, window)), ranges);
    }

    private BlockSection Add<T>(string name, int capacity)
        where T : unmanaged
    {
        var section = new BlockSection(name, Bytes, Math.Max(1, capacity), Marshal.SizeOf<T>());
        Bytes = (section.End(section.Capacity) + Alignment - 1) / Alignment * Alignment;
        return section;
    }
}

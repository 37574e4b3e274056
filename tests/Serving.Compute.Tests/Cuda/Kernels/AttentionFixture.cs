using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Which kernels attend.</summary>
public enum AttentionVariant
{
    /// <summary>srv_attention_plain for all items.</summary>
    Plain,

    /// <summary>srv_attention_decode and srv_attention_prefill, each for its items.</summary>
    TensorCores,

    /// <summary>srv_attention_prefill for all items.</summary>
    Prefill,

    /// <summary>srv_attention_prefill_wgmma for all items.</summary>
    Warpgroups,
}

/// <summary>
/// Sequences with keys and values in partly filled pages. Every slot that is nobody's holds NaN, those of page 0 and what lies behind a sequence's last token
/// among them: a kernel that lets them into a product shows. Of integers these slots' scales are NaN.
/// </summary>
internal sealed class AttentionFixture
{
    private const int Layers = 2;
    private const int Layer = 1;

    private readonly List<double[][]> _keys = [];
    private readonly List<double[][]> _values = [];
    private readonly List<byte[]> _pages = [];
    private readonly Func<Random, float> _key;
    private readonly Func<Random, float> _value;
    private readonly Func<Random, float>? _step;
    private readonly Random _random = new(11);

    /// <summary>
    /// A layer's attention over sequences that are added one by one; <paramref name="key"/> and <paramref name="value"/> draw elements. With <paramref name="step"/> these are kept as
    /// integers, to which they are rounded as they are, and it draws what an integer of a token's head stands for.
    /// </summary>
    public AttentionFixture(int heads, int kvHeads, int headSize, Func<Random, float> key, Func<Random, float> value, Func<Random, float>? step = null)
    {
        Shape = new ModelShape(64, 64, Layers, heads, kvHeads, headSize, 64) { KeyValues = step is null ? KeyValueFormat.BFloat16 : KeyValueFormat.Int8 };
        (_key, _value, _step) = (key, value, step);
        NewPage(0, [], []);
    }

    /// <summary>Sizes.</summary>
    public ModelShape Shape { get; }

    /// <summary>The step.</summary>
    public StepInputs Inputs { get; } = new();

    /// <summary>Whether sequences that share pages are packed side by side.</summary>
    public bool GroupsSharedPages { get; init; } = true;

    /// <summary>States that splits may be given out to.</summary>
    public int StateCapacity { get; init; } = 1000;

    /// <summary>Splits of a piece at most.</summary>
    public int MostSplits { get; init; } = 1;

    /// <summary>Ordinals that a row sees, 0 for all.</summary>
    public int Window { get; init; }

    /// <summary>Whether the plan knows of the window; else it gives out what no row sees too.</summary>
    public bool PlansWindow { get; init; } = true;

    /// <summary>Bound of the scores, 0 for none.</summary>
    public float Cap { get; init; }

    /// <summary>A logit for each head, or none.</summary>
    public float[] Sinks { get; init; } = [];

    /// <summary>What kernels on tensor cores that know of these are called.</summary>
    private string Ending => Window > 0 || Cap > 0 || Sinks.Length > 0 ? "_windowed" + Pages : Pages;

    /// <summary>What kernels for these pages are called.</summary>
    private string Pages => _step is null ? string.Empty : "_int8";

    /// <summary>Adds a sequence whose pages are filled by <paramref name="fill"/> tokens each, the first of them those of another sequence.</summary>
    public void Add(int firstOrdinal, int rows, int fill = ModelShape.PageTokens, int sharesWith = -1, int sharedTokens = 0)
    {
        var (firstEntry, tokens) = (Inputs.EntryCount, firstOrdinal + rows);
        var keys = new double[tokens][];
        var values = new double[tokens][];
        for (var token = 0; token < tokens;)
        {
            var count = Math.Min(fill, tokens - token);
            if (token + count <= sharedTokens)
            {
                var entry = Inputs.Entries[Inputs.Sequences[sharesWith].FirstEntry + (token / fill)];
                Inputs.AddEntry(entry.Page, entry.ValidLength);
                _keys[sharesWith].AsSpan(token, count).CopyTo(keys.AsSpan(token));
                _values[sharesWith].AsSpan(token, count).CopyTo(values.AsSpan(token));
            }
            else
            {
                Inputs.AddEntry(NewPage(count, keys.AsSpan(token), values.AsSpan(token)), count);
            }

            token += count;
        }

        Inputs.AddSequence(new() { FirstRow = Inputs.RowCount, RowCount = rows, FirstOrdinal = firstOrdinal, FirstEntry = firstEntry, EntryCount = Inputs.EntryCount - firstEntry });
        for (var row = 0; row < rows; row++)
        {
            Inputs.AddRow(0, 0, 0, 0);
        }

        _keys.Add(keys);
        _values.Add(values);
    }

    /// <summary>The key of a sequence's token, all kv heads side by side.</summary>
    public double[] Key(int sequence, int token, int kvHead) => Head(_keys[sequence][token], kvHead);

    /// <summary>The value of a sequence's token.</summary>
    public double[] Value(int sequence, int token, int kvHead) => Head(_values[sequence][token], kvHead);

    /// <summary>Runs attention for queries [rows, heads × head size] and returns the outputs.</summary>
    public ushort[] Run(KernelSession session, ushort[] queries, float scale, AttentionVariant variant)
    {
        var limits = new StepLimits(Inputs.RowCount, Inputs.SequenceCount, 1, 1 << 16);
        var plan = new AttentionPlan(Shape, limits, StateCapacity, blocks: 8) { GroupsSharedPages = GroupsSharedPages, Window = PlansWindow ? Window : 0, MostSplits = MostSplits };
        plan.Build(Inputs);
        var tokenSlots = TokenSlots(session);
        var all = new ListRange { Count = plan.Items.Length };
        var parameters = new AttentionParameters
        {
            Query = session.Upload<ushort>(queries),
            Output = session.Upload<ushort>(new ushort[Inputs.RowCount * Shape.QueryWidth]),
            Pages = session.Upload<byte>([.. _pages.SelectMany(page => page)]),
            PageBytes = (ulong)Shape.PageBytes,
            TokenSlots = tokenSlots,
            RowList = session.Upload(plan.RowList),
            RowOrdinals = session.Upload(plan.RowOrdinals),
            RowPartials = session.Upload(plan.RowPartials),
            Items = session.Upload(plan.Items),
            ItemRange = session.Upload(variant == AttentionVariant.TensorCores ? plan.Decode : all),
            States = session.Allocate<float>(Math.Max(1, plan.StateCount * Shape.HeadCount * (4 + Shape.HeadSize))),
            RowCount = session.Upload(Inputs.RowCount),
            Sinks = Sinks.Length == 0 ? 0 : session.Upload<ushort>(Sinks.ToBFloat16()),
            Layer = Layer,
            HeadCount = Shape.HeadCount,
            KvHeadCount = Shape.KvHeadCount,
            HeadSize = Shape.HeadSize,
            QueryStride = Shape.QueryWidth,
            OutputStride = Shape.QueryWidth,
            Scale = scale,
            Window = Window,
            Cap = Cap,
        };
        var grid = new CudaGrid(3, Shape.KvHeadCount);
        if (variant == AttentionVariant.Plain)
        {
            session.Launch("srv_attention_plain" + Pages, grid, 128, 2048, parameters);
        }

        if (variant == AttentionVariant.TensorCores)
        {
            session.Launch("srv_attention_decode" + Ending, new CudaGrid(3), 128, _step is null ? KernelSet.DecodeSharedBytes : KernelSet.DecodeInt8SharedBytes, parameters);
            parameters.ItemRange = session.Upload(plan.Prefill);
        }

        if (variant == AttentionVariant.Warpgroups)
        {
            session.RequireHopper();
            session.Launch("srv_attention_prefill_wgmma" + Ending, grid, KernelSet.WgmmaThreads, _step is null ? KernelSet.WgmmaSharedBytes : KernelSet.WgmmaInt8SharedBytes, parameters);
        }
        else if (variant != AttentionVariant.Plain)
        {
            session.Launch("srv_attention_prefill" + Ending, grid, 256, _step is null ? KernelSet.PrefillSharedBytes : KernelSet.PrefillInt8SharedBytes, parameters);
        }

        session.Launch("srv_attention_merge", new CudaGrid(2, 2), 128, 0, parameters);
        return session.Download<ushort>(parameters.Output, Inputs.RowCount * Shape.QueryWidth);
    }

    private ulong TokenSlots(KernelSession session)
    {
        var parameters = new TokenSlotsParameters
        {
            Sequences = session.Upload(Inputs.Sequences),
            Entries = session.Upload(Inputs.Entries),
            TokenSlots = session.Allocate<int>(Inputs.EntryCount * ModelShape.PageTokens),
            SequenceCount = session.Upload(Inputs.SequenceCount),
        };
        session.Launch("srv_token_slots", new CudaGrid(2), 256, 64, parameters);
        return parameters.TokenSlots;
    }

    private int NewPage(int count, Span<double[]> keys, Span<double[]> values)
    {
        var page = new byte[Shape.PageBytes];
        MemoryMarshal.Cast<byte, ushort>(page.AsSpan()).Fill(BFloat16Bits.FromSingle(float.NaN));
        for (var slot = 0; slot < count; slot++)
        {
            keys[slot] = Draw(page, 0, slot, _key);
            values[slot] = Draw(page, 1, slot, _value);
        }

        _pages.Add(page);
        return _pages.Count - 1;
    }

    /// <summary>Draws a token's keys, or values, of all kv heads into a page, and returns what they are.</summary>
    private double[] Draw(byte[] page, int which, int slot, Func<Random, float> element)
    {
        var drawn = new double[Shape.KvWidth];
        for (var head = 0; head < Shape.KvHeadCount; head++)
        {
            var own = drawn.AsSpan(head * Shape.HeadSize, Shape.HeadSize);
            var at = (((Layer * 2) + which) * Shape.KvHeadCount) + head;
            if (_step is null)
            {
                var elements = MemoryMarshal.Cast<byte, ushort>(page.AsSpan()).Slice(((at * ModelShape.PageTokens) + slot) * Shape.HeadSize, Shape.HeadSize);
                for (var i = 0; i < own.Length; i++)
                {
                    elements[i] = BFloat16Bits.FromSingle(element(_random));
                    own[i] = BFloat16Bits.ToSingle(elements[i]);
                }
            }
            else
            {
                var block = page.AsSpan(at * ModelShape.PageTokens * (Shape.HeadSize + sizeof(float)), ModelShape.PageTokens * (Shape.HeadSize + sizeof(float)));
                var integers = MemoryMarshal.Cast<byte, sbyte>(block).Slice(slot * Shape.HeadSize, Shape.HeadSize);
                var scale = MemoryMarshal.Cast<byte, float>(block[(ModelShape.PageTokens * Shape.HeadSize)..])[slot] = _step(_random);
                for (var i = 0; i < own.Length; i++)
                {
                    integers[i] = checked((sbyte)MathF.Round(element(_random)));
                    own[i] = integers[i] * (double)scale;
                }
            }
        }

        return drawn;
    }

    private double[] Head(double[] heads, int kvHead) => heads.AsSpan(kvHead * Shape.HeadSize, Shape.HeadSize).ToArray();
}

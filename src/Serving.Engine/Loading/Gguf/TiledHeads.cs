using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// The order of value heads in files of Qwen 3.5. Of several value heads that read one key head, checkpoints have them behind each other; files have the first of every key head, then the second of every one, as ggml
/// repeats keys.
/// </summary>
/// <param name="Start">Rows before the value heads, which lie as in checkpoints.</param>
/// <param name="KeyHeads">Key heads.</param>
/// <param name="Share">Value heads that read one.</param>
/// <param name="Size">Rows of a value head.</param>
internal sealed record TiledHeads(int Start, int KeyHeads, int Share, int Size) : RowOrder
{
    /// <summary>The order of a tensor's rows, or of the columns of what reads the value heads; null where it is the checkpoint's.</summary>
    /// <param name="tensor">The program's name for it.</param>
    /// <param name="heads">The model's heads.</param>
    public static TiledHeads? Of(string tensor, DeltaRuleHeads heads)
    {
        const string Module = ".linear_attn.";
        var at = tensor.IndexOf(Module, StringComparison.Ordinal);
        var share = heads.ValueHeads / heads.KeyHeads;
        if (at < 0 || share == 1)
        {
            return null;
        }

        return tensor[(at + Module.Length)..] switch
        {
            "in_proj_qkv.weight" or "conv1d.weight" => new TiledHeads(2 * heads.KeyHeads * heads.KeySize, heads.KeyHeads, share, heads.ValueSize),
            "in_proj_z.weight" or OutputName => new TiledHeads(0, heads.KeyHeads, share, heads.ValueSize),
            "in_proj_b.weight" or "in_proj_a.weight" or "A_log" or "dt_bias" => new TiledHeads(0, heads.KeyHeads, share, 1),
            _ => null,
        };
    }

    /// <summary>Whether it is the tensor's columns that lie in this order.</summary>
    public static bool IsOfColumns(string tensor) => tensor.EndsWith(".linear_attn." + OutputName, StringComparison.Ordinal);

    private const string OutputName = "out_proj.weight";

    /// <inheritdoc/>
    public override (int Source, int Count) RunAt(int row)
    {
        if (row < Start)
        {
            return (row, Start - row);
        }

        var (head, place) = Math.DivRem(row - Start, Size);
        return (Start + ((((head % Share) * KeyHeads) + (head / Share)) * Size) + place, Size - place);
    }
}

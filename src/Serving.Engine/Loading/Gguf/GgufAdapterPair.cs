using Serving.Compute.Adapters;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>The two halves of a matrix's LoRA: of several experts stacked.</summary>
/// <param name="Target">The matrix.</param>
/// <param name="Rank">Its rank.</param>
/// <param name="A">[inputs, rank], columns first, and behind them the experts.</param>
/// <param name="B">[rank, outputs], likewise.</param>
internal sealed record GgufAdapterPair(GgufAdapterTarget Target, int Rank, GgufTensor A, GgufTensor B)
{
    /// <summary>Elements of the matrices as Linears have them: every slice has an A of its own.</summary>
    public long Elements => Target.Slices.Sum(slice => (long)Target.Experts * Rank * (Target.Inputs + slice.OutputWidth));

    /// <summary>Checks the shapes of two tensors.</summary>
    /// <exception cref="MalformedFileException">They do not fit each other or the matrix; the message names the tensor.</exception>
    public static GgufAdapterPair Of(GgufAdapterTarget target, GgufTensor a, GgufTensor b)
    {
        if (Array.Find([a, b], tensor => !tensor.Type.IsReadable) is { } unreadable)
        {
            throw new AdapterFormatException(
                AdapterFailure.Unsupported, $"tensor {MalformedFileException.Quote(unreadable.Name)} is {unreadable.Type.Name}, which is not supported ({GgufType.Readable} are)");
        }

        var rank = a.Dimensions.Count > 1 ? a.Dimensions[1] : 0;
        if (rank is < 1 or > PeftConfig.MaxRank)
        {
            throw new AdapterFormatException(
                AdapterFailure.Unsupported, $"tensor {MalformedFileException.Quote(a.Name)} is of rank {rank}, which is not supported (ranks from 1 to {PeftConfig.MaxRank} are)");
        }

        long[] experts = target.Experts > 1 ? [target.Experts] : [];
        a.Expect([target.Inputs, rank, .. experts]);
        b.Expect([rank, target.Outputs, .. experts]);
        return new GgufAdapterPair(target, (int)rank, a, b);
    }

    /// <summary>Cuts the halves into those of each slice and expert.</summary>
    /// <param name="content">The file.</param>
    /// <param name="scale">Factor of the product.</param>
    /// <param name="values">Where the matrices go; <see cref="Elements"/> of them.</param>
    /// <param name="scratch">Room to work in.</param>
    public List<AdapterSlice> Read(IGgufContent content, float scale, Memory<ushort> values, LoadScratch scratch)
    {
        var slices = new List<AdapterSlice>();
        var (all, outputs) = (new ushort[Rank * Target.Inputs], new ushort[Target.Outputs * Rank]);
        for (var expert = 0; expert < Target.Experts; expert++)
        {
            GgufRows.Open(content, A, Target.Inputs, (long)expert * Rank).Read(0, all, scratch);
            Reorder(all);
            GgufRows.Open(content, B, Rank, (long)expert * Target.Outputs).Read(0, outputs, scratch);
            foreach (var slice in Target.Slices)
            {
                var a = values[..all.Length];
                var b = values.Slice(all.Length, slice.OutputWidth * Rank);
                values = values[(a.Length + b.Length)..];
                all.CopyTo(a);
                for (var row = 0; row < slice.OutputWidth; row++)
                {
                    outputs.AsSpan(Target.RowOf(slice, row) * Rank, Rank).CopyTo(b.Span[(row * Rank)..]);
                }

                slices.Add(new AdapterSlice(slice.Index, Rank, scale, a, b) { Expert = expert });
            }
        }

        return slices;
    }

    /// <summary>Brings inputs that the file has in another order into the model's.</summary>
    private void Reorder(ushort[] a)
    {
        if (!Target.OrdersColumns)
        {
            return;
        }

        foreach (var row in a.Chunk(Target.Inputs).Index())
        {
            for (var column = 0; column < Target.Inputs; column++)
            {
                a[(row.Index * Target.Inputs) + column] = row.Item[Target.ColumnOf(column)];
            }
        }
    }
}

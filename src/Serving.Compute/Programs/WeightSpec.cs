namespace Serving.Compute.Programs;

/// <summary>How a weight is used, which decides how a backend packs it.</summary>
public enum WeightKind
{
    /// <summary>[rows = outputs, columns = inputs], read by a Linear only.</summary>
    Matrix,

    /// <summary>[vocabulary, hidden], gathered by Embed; read by Logits too when the embeddings are tied.</summary>
    Embedding,

    /// <summary>One row: a norm's weight or a bias.</summary>
    Vector,
}

/// <summary>A weight of a program, made of one or more tensors of the checkpoint stacked by rows (q, k, v of a fused qkv).</summary>
/// <param name="Index">Position in <see cref="ModelProgram.Weights"/>.</param>
/// <param name="Name">Name for messages.</param>
/// <param name="Rows">Output width; 1 for a vector.</param>
/// <param name="Columns">Input width, or the length of a vector.</param>
/// <param name="Kind">How it is used.</param>
/// <param name="Parts">The tensors it is made of, in row order, together covering all rows (a bias vector's parts cover its columns).</param>
public sealed record WeightSpec(int Index, string Name, int Rows, int Columns, WeightKind Kind, IReadOnlyList<WeightPart> Parts)
{
    /// <summary>How its elements are kept; vectors are bf16, or fp32 where a recurrence reads them.</summary>
    public WeightFormat Format { get; init; } = WeightFormat.BFloat16;

    /// <summary>
    /// Matrices of so many experts, one behind the other, each with an equal share of the rows. A Linear multiplies a row of its input with the matrix of the expert that
    /// the row was sorted to. Of a vector: their biases, each with an equal share of the elements.
    /// </summary>
    public int Experts { get; init; } = 1;

    /// <summary>Rows of one expert's matrix, elements of one expert's bias: all of them where there is only one.</summary>
    public int RowsPerExpert => (Kind == WeightKind.Vector ? Columns : Rows) / Experts;

    /// <summary>Added in fp32 to every element of a vector as it is loaded, and not rounded: 1 for norms whose checkpoint holds the difference from 1 (Gemma).</summary>
    public float Offset { get; init; }
}

/// <summary>One tensor of a checkpoint and where it goes in a <see cref="WeightSpec"/>.</summary>
/// <param name="TensorName">The tensor's name in the safetensors files.</param>
/// <param name="Offset">First row (first column for a vector) that it fills.</param>
/// <param name="Length">Rows (columns for a vector) that it fills.</param>
public sealed record WeightPart(string TensorName, int Offset, int Length)
{
    /// <summary>The tensor's first row (first element of a vector) that is taken: above 0 where a checkpoint keeps several projections in one tensor.</summary>
    public int FirstRow { get; init; }

    /// <summary>From one of its rows to the next in the tensor: 2 where a checkpoint lets the rows of gate and up take turns (gpt-oss).</summary>
    public int RowStep { get; init; } = 1;

    /// <summary>Whether the tensor, if it holds plain floats, keeps each expert's matrix input by input: [experts, inputs, outputs] (gpt-oss).</summary>
    public bool IsTransposed { get; init; }

    /// <summary>Rows that the tensor of a vector has, one behind the other: norms of as many heads in one tensor. 1 where it is a vector there, too.</summary>
    public int TensorRows { get; init; } = 1;

    /// <summary>The order of its rows; null as in the checkpoint.</summary>
    public RowOrder? Order { get; init; }

    /// <summary>Whether ln(1 + e^x) of every element is what is kept.</summary>
    public bool IsSoftplus { get; init; }

    /// <summary>Whether −e^x of every element is what is kept, of a vector in fp32: worked out in double and rounded once.</summary>
    public bool IsRate { get; init; }

    /// <summary>Taps of a convolution, whose weight is [columns, 1, taps] in the checkpoint and kept tap by tap; 0 of other tensors.</summary>
    public int Taps { get; init; }

    /// <summary>A power of two by which every element is multiplied as it is loaded, which is exact.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>Where one of its rows is in the tensor, and for how many rows it goes on so, step by step.</summary>
    public (int Source, int Count) RunAt(int row)
    {
        var (source, count) = Order?.RunAt(row) ?? (row, Length - row);
        return (FirstRow + (source * RowStep), count);
    }
}

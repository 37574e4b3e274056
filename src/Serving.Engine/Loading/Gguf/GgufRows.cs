namespace Serving.Engine.Loading.Gguf;

/// <summary>The rows of a matrix of a GGUF file, whatever its elements are.</summary>
internal static class GgufRows
{
    /// <summary>Opens a matrix, or from one of its rows on what is one expert's.</summary>
    /// <param name="content">The file.</param>
    /// <param name="tensor">The tensor, of a type that can be read.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="start">The tensor's row that is the first here.</param>
    public static RowSource Open(IGgufContent content, GgufTensor tensor, int columns, long start) => tensor.Type.Blocks switch
    {
        null => new FloatRows(content, tensor, columns, start),
        { HasMinimums: true } blocks => new ShiftedRows(content, tensor, blocks, columns, start),
        var blocks => new ScaledRows(content, tensor, blocks, columns, start),
    };
}

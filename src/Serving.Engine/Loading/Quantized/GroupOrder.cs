using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>Which group each column of a matrix belongs to, where a quantizer took columns by how much they matter (<c>desc_act</c>, <c>actorder</c>): <c>g_idx</c>.</summary>
internal static class GroupOrder
{
    /// <summary>Reads it; null where the columns are in order, or where every entry is −1, which says that it is not used.</summary>
    /// <exception cref="MalformedFileException">It has another type or shape, or names a group that there is not.</exception>
    public static int[]? Read(StoredTensor tensor, int columns, int groups)
    {
        var order = tensor.Of(TensorType.I32).Shaped(columns).ReadIntegers(0, columns);
        if (Array.TrueForAll(order, group => group == -1))
        {
            return null;
        }

        if (!Array.TrueForAll(order, group => group >= 0 && group < groups))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} names a group that there is not");
        }

        var size = columns / groups;
        return columns % groups == 0 && Enumerable.Range(0, columns).All(column => order[column] == column / size) ? null : order;
    }
}

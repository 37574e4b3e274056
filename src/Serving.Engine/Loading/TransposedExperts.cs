namespace Serving.Engine.Loading;

/// <summary>The matrices of experts as a tensor of floats that keeps each input by input, [experts, inputs, outputs]. Of each input only the outputs that are asked for are read.</summary>
/// <param name="tensor">The tensor.</param>
internal sealed class TransposedExperts(StoredTensor tensor) : RowSource
{
    private readonly int _inputs = (int)tensor.Entry.Shape[1];
    private readonly int _outputs = (int)tensor.Entry.Shape[2];

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        while (values.Length > 0)
        {
            var (expert, output) = (firstRow / _outputs, firstRow % _outputs);
            var count = Math.Min(values.Length / _inputs, _outputs - output);
            ReadExpert(expert, output, count, values[..(count * _inputs)], scratch);
            firstRow += count;
            values = values[(count * _inputs)..];
        }
    }

    private void ReadExpert(int expert, int output, int count, Span<ushort> values, LoadScratch scratch)
    {
        var bytes = scratch.Bytes(checked(count * TensorTypes.SizeOf(tensor.Type))).Span;
        var line = new ushort[count];
        for (var input = 0; input < _inputs; input++)
        {
            tensor.Reader.Read(tensor.Entry, (((long)expert * _inputs) + input) * _outputs + output, bytes, line);
            for (int i = 0, at = input; i < count; i++, at += _inputs)
            {
                values[at] = line[i];
            }
        }
    }
}

using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Managed.Steps;

/// <summary>Rounds the input rows of a Linear over integers, before its product.</summary>
internal sealed unsafe class QuantizeWork(StepState state, int input, IntegerRows rows) : RowWork(state, input, 4 * state.Buffers[input].Columns)
{
    private readonly int _input = input;

    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var x = State.Buffers[_input];
        IntegerKernel.Quantize(x.Row(row), x.Columns, rows.Values(row), rows.Scales(row), rows.Sums(row));
    }
}

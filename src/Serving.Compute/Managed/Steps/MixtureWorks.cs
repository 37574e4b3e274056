using Serving.Compute.Managed.Lanes;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>Runs a <see cref="RouteOp"/>: rows choose each for itself, then the choices are sorted.</summary>
internal sealed unsafe class RouteWork<TL, TV>(StepState state, RouteOp op) : OpWork(state)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    public override void Run()
    {
        var rows = State.Inputs.RowCount;
        State.Pool.Run(this, rows, (long)rows * State.Buffers[op.Input].Columns * State.Choices.PerRow);
        State.Choices.Sort(rows, State.RowSlots);
    }

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var logits = new ReadOnlySpan<float>(State.Buffers[op.Input].Row(item), State.Program.Mixture!.ExpertCount);
        var experts = State.Choices.ExpertsOf(item);
        var weights = State.Choices.WeightsOf(item);
        Choose(logits, experts);
        var largest = logits[experts[0]];
        var sum = 0f;
        for (var i = 0; i < experts.Length; i++)
        {
            weights[i] = LaneMath<TL, TV>.Exp(logits[experts[i]] - largest);
            sum += weights[i];
        }

        var total = op.Renormalize ? sum : SumOfAll(logits, largest);
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] /= total;
        }
    }

    /// <summary>The largest logits in falling order; of equal ones the lowest expert first.</summary>
    private static void Choose(ReadOnlySpan<float> logits, Span<int> experts)
    {
        var count = 0;
        for (var expert = 0; expert < logits.Length; expert++)
        {
            var at = count;
            while (at > 0 && logits[expert] > logits[experts[at - 1]])
            {
                at--;
            }

            if (at == experts.Length)
            {
                continue;
            }

            count = Math.Min(count + 1, experts.Length);
            experts[at..(count - 1)].CopyTo(experts[(at + 1)..]);
            experts[at] = expert;
        }
    }

    private static float SumOfAll(ReadOnlySpan<float> logits, float largest)
    {
        var sum = 0f;
        foreach (var logit in logits)
        {
            sum += LaneMath<TL, TV>.Exp(logit - largest);
        }

        return sum;
    }
}

/// <summary>Runs a <see cref="DispatchOp"/>.</summary>
internal sealed unsafe class DispatchWork(StepState state, DispatchOp op) : RowWork(state, op.Output, state.Buffers[op.Output].Columns)
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var (input, output) = (State.Buffers[op.Input], State.Buffers[op.Output]);
        new ReadOnlySpan<float>(input.Row(State.Choices.RowAt(row)), input.Columns).CopyTo(new Span<float>(output.Row(row), output.Columns));
    }
}

/// <summary>Runs a <see cref="CombineOp"/>.</summary>
internal sealed unsafe class CombineWork(StepState state, CombineOp op) : RowWork(state, op.Output, state.Choices.PerRow * state.Buffers[op.Output].Columns)
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var input = State.Buffers[op.Input];
        var output = State.Buffers[op.Output].Row(row);
        var places = State.Choices.PlacesOf(row);
        var weights = State.Choices.WeightsOf(row);
        for (var column = 0; column < input.Columns; column++)
        {
            var sum = 0f;
            for (var i = 0; i < places.Length; i++)
            {
                sum = LaneMath.MultiplyAdd(weights[i], input.Row(places[i])[column], sum);
            }

            output[column] = op.Accumulate ? output[column] + sum : sum;
        }
    }
}

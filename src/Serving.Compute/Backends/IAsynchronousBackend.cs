using Serving.Compute.Steps;

namespace Serving.Compute.Backends;

/// <summary>
/// A backend whose device runs by itself: a step is begun, and while it runs the next one may be scheduled and begun.
/// <see cref="IComputeBackend.Execute"/> is a begin and an end. What may be sampled may follow from the step before, whose tokens the host learns while this one runs already:
/// a step with late masks is begun without them, and goes no further than its logits until <see cref="Sample"/> brings them.
/// </summary>
public interface IAsynchronousBackend : IComputeBackend
{
    /// <summary>Steps that can be under way.</summary>
    const int MaxStepsUnderWay = 2;

    /// <summary>
    /// Queues a step. <paramref name="inputs"/> is free again when it returns; a negative token id in them stands for an output of the step begun before.
    /// <paramref name="outputs"/> is filled by the <see cref="End"/> that belongs to it. With late masks (<see cref="StepInputs.HasLateMasks"/>) the inputs stay as they are, but for these, until
    /// <see cref="Sample"/> returns, which comes before the next step is begun or this one ended.
    /// </summary>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more.</exception>
    void Begin(StepInputs inputs, StepOutputs outputs);

    /// <summary>Lets the step sample that was begun last, with late masks.</summary>
    /// <param name="inputs">Those it was begun with, the masks filled in; a late mask that was not allows everything.</param>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more. Or that step does not wait for masks.</exception>
    void Sample(StepInputs inputs);

    /// <summary>Waits for the oldest step under way and fills its outputs.</summary>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more.</exception>
    void End();
}

using Serving.Compute.Steps;

namespace Serving.Compute.Backends;

/// <summary>
/// A backend whose device runs by itself: a step is begun, and while it runs the next one may be scheduled and begun.
/// <see cref="IComputeBackend.Execute"/> is a begin and an end.
/// </summary>
public interface IAsynchronousBackend : IComputeBackend
{
    /// <summary>Steps that can be under way.</summary>
    const int MaxStepsUnderWay = 2;

    /// <summary>
    /// Queues a step. <paramref name="inputs"/> is free again when it returns; a negative token id in them stands for an output of the step begun before.
    /// <paramref name="outputs"/> is filled by the <see cref="End"/> that belongs to it.
    /// </summary>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more.</exception>
    void Begin(StepInputs inputs, StepOutputs outputs);

    /// <summary>Waits for the oldest step under way and fills its outputs.</summary>
    /// <exception cref="ComputeException">The device failed; the backend cannot be used any more.</exception>
    void End();
}

using Serving.Compute.Managed.Threads;

namespace Serving.Compute.Managed.Steps;

/// <summary>One operation of the program, ready to run: made once, run in every step.</summary>
internal abstract class OpWork(StepState state) : IParallelWork, IDisposable
{
    /// <summary>The step's data.</summary>
    protected StepState State { get; } = state;

    /// <summary>Runs the operation for the step that <see cref="State"/> holds.</summary>
    public abstract void Run();

    /// <inheritdoc/>
    public abstract void Execute(int item, int worker);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}

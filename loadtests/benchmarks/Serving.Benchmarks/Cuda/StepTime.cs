using System.Diagnostics;
using Serving.Compute.Cuda;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>How long a step takes among others of its kind.</summary>
internal static class StepTime
{
    /// <summary>Seconds of one of as many steps as are asked for. One runs before them, and one ahead of each, as in the daemon.</summary>
    public static double Seconds(CudaBackend backend, StepInputs inputs, StepOutputs outputs, int repeats)
    {
        backend.Execute(inputs, outputs);
        backend.Begin(inputs, outputs);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeats; i++)
        {
            backend.Begin(inputs, outputs);
            backend.End();
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        backend.End();
        return seconds / repeats;
    }
}

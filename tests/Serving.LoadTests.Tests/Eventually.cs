using System.Diagnostics;

namespace Serving.LoadTests.Tests;

/// <summary>Waits for what other threads bring about; what never comes fails the test instead of hanging it.</summary>
internal static class Eventually
{
    /// <summary>Far longer than anything here takes on a busy machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Returns when it holds.</summary>
    public static async Task HoldsAsync(Func<bool> condition)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "what was waited for did not come");
            await Task.Yield();
        }
    }
}

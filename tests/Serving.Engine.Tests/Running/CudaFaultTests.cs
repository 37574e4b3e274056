using Serving.Compute.Backends;
using Serving.Core.Requests;
using Serving.Engine.Hosting;
using Serving.Engine.Requests;
using Serving.Testing;

namespace Serving.Engine.Tests.Running;

/// <summary>
/// An engine's whole life on emulated GPUs (its start, a chat with an adapter, its end), in which something that it asks of a device goes wrong: it does not start and says why, or the
/// request ends in a typed error and the engine with it. Nobody waits for ever, and nothing of a device is left behind.
/// </summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaFaultTests
{
    private const int Device = 1;
    private const int OutOfMemory = 2;
    private const int LaunchFailed = 719;
    private const int Tokens = 3;

    /// <summary>At places ever further apart, to the first life that ends before it comes to its fault.</summary>
    [Theory]
    [InlineData("cuda:1", LaunchFailed)]
    [InlineData("cuda:1", OutOfMemory)]
    [InlineData("cuda:0,1", LaunchFailed)]
    public async Task Life_DeviceFailsOrRefuses_EndsInTypedErrors(string device, int code)
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        CudaEmulator.Reset(-1);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = CudaEmulator.Held();
        var lives = 0;
        for (var after = 1UL; ; after *= 3)
        {
            Plant(after, code);
            var isWhole = await LiveAsync(device);
            Assert.Equal(before, CudaEmulator.Held());
            Assert.All(CudaEmulator.Findings().Split('\n', StringSplitOptions.RemoveEmptyEntries), finding => Assert.StartsWith("planted", finding, StringComparison.Ordinal));
            CudaEmulator.Reset(-1);
            if (isWhole)
            {
                break;
            }

            lives++;
        }

        Assert.InRange(lives, 4, 12);
    }

    private static void Plant(ulong after, int code)
    {
        if (code == OutOfMemory)
        {
            CudaEmulator.RefuseAfter(Device, after, code);
        }
        else
        {
            CudaEmulator.FailAfter(Device, after, code);
        }
    }

    /// <summary>Whether the request was answered.</summary>
    private static async Task<bool> LiveAsync(string device)
    {
        RunningEngine engine;
        try
        {
            engine = RunningEngine.Start(device, "auto", options => options with { MaxSequences = 1, MaxBatchedTokens = 16, MaxModelLength = 256 });
        }
        catch (EngineStartException exception)
        {
            Assert.NotEmpty(exception.Message);
            return false;
        }

        await using (engine)
        {
            var (stream, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("pirate", "Hello", Tokens) with { IgnoreEos = true }, TestContext.Current.CancellationToken);
            failure ??= await FailureOf(stream!);
            if (failure is null)
            {
                return true;
            }

            Assert.IsAssignableFrom<ComputeException>(await Record.ExceptionAsync(() => engine.Ended));
            Assert.Equal((RequestError.EngineFailed, EngineState.Failed), (failure.Error, engine.Client.State));
            return false;
        }
    }

    private static async Task<RequestFailure?> FailureOf(GenerationStream stream)
    {
        await using (stream)
        {
            return Assert.Single(await Answer.ReadAsync(stream, TestContext.Current.CancellationToken)).Failure;
        }
    }
}

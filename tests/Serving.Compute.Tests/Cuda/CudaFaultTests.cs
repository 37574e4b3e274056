using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Cuda.Parallel;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda;

/// <summary>
/// A backend's whole life (opened, loaded, its pool taken, an adapter, copies to host memory, a chunk and a recorded step, its end), in which every single thing that it asks of a device
/// goes wrong once: it ends in an exception of a known type, nobody hangs, and nothing is left behind, be it for a collection to find.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed class CudaFaultTests
{
    /// <summary>The device that faults are planted in: the second rank's, where there are two.</summary>
    private const int Device = 1;

    private const int OutOfMemory = 2;
    private const int LaunchFailed = 719;
    private const int Pages = 24;
    private const int Rows = 4;

    /// <summary>More calls, and operations, than a life has.</summary>
    private const ulong Most = 3_000;

    private static readonly TestProgram Test = TestProgram.Create(new TestShape { Layers = 1, Positions = 64 });

    private static readonly StepLimits Limits = new(Rows, 1, Rows, Test.Shape.Positions);

    private static readonly BackendFactory Single = Of(new CudaBackendOptions { Ordinal = Device });
    private static readonly BackendFactory OwnProducts = Of(new CudaBackendOptions { Ordinal = Device, FewRowProducts = FewRowProducts.Measured });

    /// <summary>By name, as a theory shows it, and every how manyth call or operation is tried: what two of them have in common is tried with one.</summary>
    public static TheoryData<string, ulong> Backends => new() { { nameof(Single), 1 }, { nameof(OwnProducts), 23 }, { nameof(ParallelFactory), 17 } };

    /// <summary>A call that takes something of the device is refused for want of memory: what had been taken before is given back at once.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void Live_AnyCallIsRefused_EndsInATypedErrorAndHoldsNothing(string factory, ulong stride)
    {
        var survived = Walk(factory, stride, calls => CudaEmulator.RefuseAfter(Device, calls, OutOfMemory), () => CudaEmulator.RefuseAfter(Device, 0, 0), exception =>
        {
            var error = Assert.IsType<CudaException>(exception is CudaException ? exception : exception.InnerException);

            // NCCL does not say what its own call of the driver met.
            Assert.True(!error.IsFatal || error.Call.StartsWith("nccl", StringComparison.Ordinal), error.Message);
            Assert.Empty(CudaEmulator.Findings());
        });

        // The kernels of one kind of device are done without where they cannot be had.
        Assert.InRange(survived, 0, 40);
    }

    /// <summary>An operation fails on the device, which is lost with it.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void Live_AnyOperationFails_EndsInATypedErrorAndHoldsNothing(string factory, ulong stride)
    {
        var failed = false;
        var survived = Walk(factory, stride, operations => CudaEmulator.FailAfter(Device, operations, LaunchFailed), () => !failed, exception =>
        {
            failed = true;
            Assert.Contains("(719)", exception.Message, StringComparison.Ordinal);
            Assert.All(CudaEmulator.Findings().Split('\n', StringSplitOptions.RemoveEmptyEntries), finding => Assert.StartsWith("planted", finding, StringComparison.Ordinal));
        }, () => failed = false);
        Assert.Equal(0, survived);
    }

    /// <summary>Plants a fault at one place after the other until a life comes to its end without meeting it. Returns how many lives went on in spite of theirs.</summary>
    private static int Walk(string factory, ulong stride, Action<ulong> plant, Func<bool> wasNotMet, Action<ComputeException> check, Action? begin = null)
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        CudaEmulator.Reset(-1);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = CudaEmulator.Held();
        var survived = 0;
        for (var after = 0UL; after < Most; after += stride)
        {
            begin?.Invoke();
            plant(after);
            try
            {
                Live(factory);
                if (wasNotMet())
                {
                    Assert.InRange(after, 50UL, Most);
                    Assert.Empty(CudaEmulator.Findings());
                    return survived;
                }

                survived++;
            }
            catch (ComputeException exception)
            {
                check(exception);
            }

            Assert.Equal(before, CudaEmulator.Held());
            CudaEmulator.Reset(-1);
        }

        Assert.Fail("The last fault was met, too.");
        return survived;
    }

    /// <summary>A backend that goes with a step under way waits for it, or sees that nobody does: no memory goes under a copy.</summary>
    [Fact]
    public void Dispose_StepUnderWay_IsNotBeforeItsEnd()
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        using (var backend = Open(Single))
        {
            ((IAsynchronousBackend)backend).Begin(Step(3, slot: -1), Outputs());
        }

        Assert.Empty(CudaEmulator.Findings());
    }

    /// <summary>A device is lost within a step whose end nobody asks for any more: the other rank, which waits for it there, is freed, and nobody waits for either.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(25)]
    public void Dispose_DeviceLostWithinAStep_HangsNobody(int operations)
    {
        CudaEmulator.RequireEmulated();
        using var reset = new EmulatorReset();
        using (var backend = Open(ParallelFactory.Default))
        {
            CudaEmulator.FailAfter(Device, (ulong)operations, LaunchFailed);
            ((IAsynchronousBackend)backend).Begin(Step(3, slot: -1), Outputs());
        }

        Assert.All(CudaEmulator.Findings().Split('\n', StringSplitOptions.RemoveEmptyEntries), finding => Assert.StartsWith("planted", finding, StringComparison.Ordinal));
    }

    private static void Live(string name)
    {
        using var backend = Open(name switch { nameof(Single) => Single, nameof(OwnProducts) => OwnProducts, _ => ParallelFactory.Default });
        using var adapter = backend.PrepareAdapter(Test.CreateAdapter(1, _ => 8))!;
        backend.PackAdapter(0, adapter, [.. Enumerable.Range(2, adapter.PageCount)]);
        backend.CopyToHost([1], [0]);
        backend.CopyFromHost([0], [1]);
        var outputs = Outputs();
        foreach (var tokens in (int[])[3, 1])
        {
            backend.Execute(Step(tokens, slot: 0), outputs);
        }
    }

    private static IComputeBackend Open(BackendFactory factory)
    {
        var backend = factory.Create(Test.Program);
        try
        {
            Test.LoadInto(backend, rowsPerPiece: int.MaxValue);
            backend.AllocatePool(new PoolShape(Pages, backend.PageBytes, 1, HostPageCount: 1, Pages * backend.PageBytes * backend.DeviceMemory!.Count), Limits);
            return backend;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    private static StepOutputs Outputs() => new(Limits, Test.Shape.Vocabulary);

    /// <summary>A sequence's first tokens, on page 0.</summary>
    private static StepInputs Step(int tokens, int slot)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < tokens; i++)
        {
            inputs.AddRow(5 + i, i, 0, i);
        }

        inputs.AddEntry(0, tokens);
        inputs.AddSequence(new StepSequence { RowCount = tokens, EntryCount = 1 });
        inputs.AddSegment(0, tokens, slot);
        inputs.AddOutput(new SampleRow { Row = tokens - 1, TopLogprobs = 1 });
        return inputs;
    }

    private static BackendFactory Of(CudaBackendOptions options) => new("cuda:1", true, program => new CudaBackend(program, KernelImages.In(options)));
}

using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The native backend's life: created, used out of order, used after its end.</summary>
public sealed class CpuLifetimeTests
{
    private static readonly SampleRow Greedy = new() { TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 };

    /// <summary>When a step returns, no worker is on it any more: its memory can go at once.</summary>
    [Fact]
    public void Dispose_RightAfterStep_WorkersHaveLeftIt()
    {
        var test = TestProgram.Create(new TestShape { Layers = 1 });
        for (var i = 0; i < 60; i++)
        {
            using var session = new BackendSession(CpuFactory.Of("avx2", threads: 4), test, pages: 8, maxRows: 8, adapterSlots: 1);
            new TestSequence(session).AddChunk([1, 2, 3], last: Greedy);
            session.Execute();
            Assert.InRange(session.Outputs.TokenIds[0], 0, test.Shape.Vocabulary - 1);
        }
    }

    /// <summary>The thread that takes memory ahead of its use is at work, waits or is done when the pool goes; a step that writes far behind it finds its memory all the same.</summary>
    [Theory]
    [InlineData(8, 1)]
    [InlineData(20_000, 0)]
    [InlineData(20_000, 1)]
    [InlineData(20_000, 40)]
    public void Dispose_PoolLargerThanWhatIsTakenAhead_Ends(int pages, int steps)
    {
        var test = TestProgram.Create(new TestShape { Layers = 1 });
        int[] first = [];
        for (var i = 0; i < 5; i++)
        {
            using var session = new BackendSession(CpuFactory.Of("avx2", threads: 2), test, pages, maxRows: 8, adapterSlots: 1);
            var tokens = new int[steps];
            for (var step = 0; step < steps; step++)
            {
                session.Inputs.Clear();
                new TestSequence(session).AddChunk([1, 2, step % 7], last: Greedy);
                session.Execute();
                tokens[step] = session.Outputs.TokenIds[0];
            }

            first = i == 0 ? tokens : first;
            Assert.Equal(first, tokens);
        }
    }

    [Fact]
    public void Constructor_UnknownInstructionSet_NamesThoseOfTheMachine()
    {
        Repository.Requires(CpuBackend.IsAvailable(out var reason), reason);
        var program = TestProgram.Create(new TestShape()).Program;
        var error = Assert.Throws<PlatformNotSupportedException>(() => new CpuBackend(program, new CpuBackendOptions { InstructionSet = "altivec" }));
        Assert.Contains("altivec", error.Message, StringComparison.Ordinal);
        Assert.Contains("avx2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Execute_BeforeThePool_Fails()
    {
        using var backend = Create();
        var limits = new StepLimits(1, 1, 1, 16);
        Assert.Throws<ComputeException>(() => backend.Execute(new StepInputs(), new StepOutputs(limits, 97)));
    }

    [Fact]
    public void Execute_MoreRowsThanTheLimit_Fails()
    {
        using var backend = Create();
        var limits = new StepLimits(2, 2, 2, 64);
        backend.AllocatePool(new PoolShape(4, 8192, 1), limits);
        var inputs = new StepInputs();
        for (var row = 0; row < 3; row++)
        {
            inputs.AddRow(1, row, 0, row);
        }

        Assert.Throws<ComputeException>(() => backend.Execute(inputs, new StepOutputs(limits, 97)));
    }

    /// <summary>A version of a recurrent state that is not there whole, in the list or in the pool, is neither read nor written.</summary>
    [Theory]
    [InlineData(-2, 0, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(-1, -1, 0)]
    [InlineData(-1, 1, 0)]
    [InlineData(-1, 0, -1)]
    [InlineData(-1, 0, 512)]
    public void Execute_StateThatIsNotThere_Fails(int read, int write, int firstPage)
    {
        var test = TestProgram.Create(TestShape.Hybrid);
        using var session = new BackendSession(CpuFactory.Of("avx2"), test);
        session.Inputs.AddRow(1, 0, 100, 0);
        session.Inputs.AddEntry(100, 1);
        session.Inputs.AddSequence(new StepSequence { RowCount = 1, EntryCount = 1, StateRead = read, StateWrite = write });
        session.Inputs.AddSegment(0, 1, -1);
        for (var i = 0; i < test.Program.Shape.StatePages; i++)
        {
            session.Inputs.AddStatePage(i == 0 ? firstPage : i);
        }

        Assert.Throws<ComputeException>(session.Execute);
    }

    /// <summary>A program whose recurrences do not fit together is not taken: heads, vectors, columns, parts of the state.</summary>
    [Fact]
    public void Constructor_RecurrenceThatDoesNotFit_Fails()
    {
        Repository.Requires(CpuBackend.IsAvailable(out var reason), reason);
        var program = TestProgram.Create(TestShape.Hybrid).Program;
        Func<DeltaRuleOp, DeltaRuleOp>[] rules =
        [
            op => op with { Heads = op.Heads with { KeyHeads = 3 } }, op => op with { Heads = op.Heads with { KeySize = 0 } }, op => op with { Heads = op.Heads with { ValueSize = 40 } },
            op => op with { GateColumn = 4000 }, op => op with { GateColumn = -16 }, op => op with { Rates = op.Gate }, op => op with { Rate = op.Norm }, op => op with { Norm = 0 },
            op => op with { Input = op.Output }, op => op with { Output = op.Input }, op => op with { StateOffset = op.StateOffset + 4 }, op => op with { StateOffset = program.Shape.StateBytes },
            op => op with { StateOffset = -64 }, op => op with { Gate = 1000 }, op => op with { DecayBias = -1 },
        ];
        Func<ConvolutionOp, ConvolutionOp>[] convolutions =
        [
            op => op with { Taps = 0 }, op => op with { Taps = 5 }, op => op with { FirstColumn = -1 }, op => op with { FirstColumn = 4000 }, op => op with { Weight = 0 },
            op => op with { Bias = op.Weight },
            op => op with { StateOffset = program.Shape.StateBytes - 64 }, op => op with { Output = op.Input },
        ];
        Func<SigmoidMulOp, SigmoidMulOp>[] gates = [op => op with { Gate = op.Input }, op => op with { Gate = -1 }, op => op with { Output = op.Gate }];
        foreach (var ops in rules.Select(Changed).Concat(convolutions.Select(Changed)).Concat(gates.Select(Changed)))
        {
            Assert.Throws<ComputeException>(() => new CpuBackend(program with { Ops = ops }, new CpuBackendOptions { InstructionSet = "avx2", Threads = 1 }));
        }

        Assert.Throws<ComputeException>(() => new CpuBackend(program with { Shape = program.Shape with { StateBytes = 4096 } }, new CpuBackendOptions { InstructionSet = "avx2", Threads = 1 }));

        IReadOnlyList<ProgramOp> Changed<T>(Func<T, T> change)
            where T : ProgramOp => [.. program.Ops.Select(op => op is T one ? change(one) : op)];
    }

    /// <summary>What the kernels cannot run is said before a backend is made.</summary>
    [Fact]
    public void Supports_HeadsAndTapsBeyondTheKernels_SaysWhich()
    {
        Assert.True(CpuBackend.Supports(TestProgram.Create(TestShape.Hybrid).Program, out _));
        Assert.False(CpuBackend.Supports(TestProgram.Create(TestShape.Hybrid with { Taps = 17 }).Program, out var reason));
        Assert.Contains("17", reason, StringComparison.Ordinal);
        Assert.False(CpuBackend.Supports(TestProgram.Create(TestShape.Hybrid with { ValueSize = 40 }).Program, out reason));
        Assert.Contains("40", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AllocatePool_PagesTooSmallForTheModel_Fails()
    {
        using var backend = Create();
        Assert.Throws<ComputeException>(() => backend.AllocatePool(new PoolShape(4, 64, 1), new StepLimits(2, 2, 2, 64)));
    }

    [Fact]
    public void LoadWeight_RowsBeyondTheWeight_Fails()
    {
        using var backend = Create();
        Assert.Throws<ComputeException>(() => backend.LoadWeight(0, 96, new ushort[2 * 64]));
    }

    [Fact]
    public void LoadWeight_OfIntegers_RowsBeyondTheWeight_Fails()
    {
        using var backend = CpuFactory.Of("avx2", threads: 2).Create(TestProgram.Create(new TestShape { Format = WeightFormat.Int4 }).Program);
        Assert.Throws<ComputeException>(() => backend.LoadWeight(0, 96, new ushort[2 * 64]));
    }

    [Fact]
    public void LoadWeight_OfIntegers_AfterDispose_IsRefused()
    {
        var backend = CpuFactory.Of("avx2", threads: 2).Create(TestProgram.Create(new TestShape { Format = WeightFormat.Int8 }).Program);
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.LoadWeight(0, 0, new ushort[64]));
    }

    /// <summary>8.5 and 4.5 bits for each element of what is rounded, 5 with offsets.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, 8.5)]
    [InlineData(WeightFormat.Int4, 4.5)]
    [InlineData(WeightFormat.Mxfp4, 4.5)]
    [InlineData(WeightFormat.Iq4, 4.5)]
    [InlineData(WeightFormat.Int4Asymmetric, 5)]
    public void PackedBytes_OfIntegers_AreThoseOfTheFormat(WeightFormat format, double bits)
    {
        var program = TestProgram.Create(new TestShape { Hidden = 256, Intermediate = 512, HeadSize = 64, Format = format }).Program;
        using var backend = CpuFactory.Of("avx2", threads: 1).Create(program);
        foreach (var weight in program.Weights.Where(weight => weight.Kind == WeightKind.Matrix))
        {
            Assert.Equal(weight.Rows * weight.Columns * bits / 8, backend.PackedBytes(weight.Index));
        }
    }

    [Fact]
    public void PackAdapter_PageOutsideThePool_Fails()
    {
        var test = TestProgram.Create(new TestShape());
        using var session = new BackendSession(CpuFactory.Of("avx2"), test);
        using var adapter = session.Prepare(test.CreateAdapter(1, _ => 8));
        var pages = Enumerable.Range(0, adapter.PageCount).ToArray();
        pages[^1] = 1_000_000;
        Assert.Throws<ComputeException>(() => session.Backend.PackAdapter(0, adapter, pages));
    }

    [Fact]
    public void LoadWeight_AfterDispose_IsRefused()
    {
        var backend = Create();
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.LoadWeight(0, 0, new ushort[64]));
    }

    private static IComputeBackend Create() => CpuFactory.Of("avx2", threads: 2).Create(TestProgram.Create(new TestShape()).Program);
}

using Serving.Compute.Backends;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// The operations of a mixture of experts. What a step's rows choose is known on the device only: every grid is made for the step's rows, and kernels read from memory which experts there are to
/// multiply with. Two tile sizes: which of them depends on how many rows an expert has on average, and changes no bit.
/// </summary>
internal sealed class MixtureCompiler(LaunchContext context, KernelSet kernels, List<IStepWork> works)
{
    /// <summary>Rows of an expert on average, up to which tiles of few rows are taken: half of what they hold.</summary>
    private const int FewPerExpert = ExpertTile.FewPlaces / 2;

    /// <summary>Outputs of a unit of the experts' products.</summary>
    private const int UnitOutputs = 128;

    /// <summary>Columns that a block of the combining kernel takes.</summary>
    private const int CombineColumns = 1024;

    private MixtureShape Shape => context.Program.Mixture ?? throw new ComputeException("A program without experts routes to them.");

    /// <summary>Rows of a step up to which experts have few.</summary>
    private int FewRows => Math.Max(1, FewPerExpert * Shape.ExpertCount / Shape.ChoiceCount);

    /// <summary>Adds the op at a place of the list, and those behind it that its kernel does too; how many these are, 0 where the op is none of a mixture's.</summary>
    public int Add(int index)
    {
        switch (context.Program.Ops[index])
        {
            case RouteOp route:
                Add(route);
                return 1;
            case DispatchOp dispatch when context.Fuses && Fusion.LooksUp(context.Program, index):
                return 1 + Add((LinearOp)context.Program.Ops[index + 1], index + 1, dispatch.Input, byRow: true);
            case DispatchOp dispatch:
                Add(dispatch);
                return 1;
            case LinearOp linear when context.Program.IsExperts(linear):
                return Add(linear, index, linear.Input, byRow: false);
            case CombineOp combine:
                Add(combine);
                return 1;
            default:
                return 0;
        }
    }

    private void Add(RouteOp op)
    {
        var mixture = Parameters();
        var grid = new GridRule(GridUnit.Rows, UnitsPerBlock: MixtureParameters.RouteRows);
        var parameters = new RouteParameters
        {
            Mixture = mixture,
            Logits = context.AddressOf(op.Input),
            Stride = context.StrideOf(op.Input),
            Renormalize = op.Renormalize ? 1 : 0,
        };

        // One launch does both where one block has all rows.
        var rowsOfOne = context.Fuses ? Math.Min(MixtureParameters.RouteRows, FewRows) : 0;
        works.Add(new LaunchByRows(Route(kernels.RouteFew), Route(kernels.Route), rowsOfOne));
        works.Add(new LaunchByRows(null, new LaunchByRows(Sort(ExpertTile.FewPlaces), Sort(ExpertTile.MaxPlaces), FewRows), rowsOfOne));

        KernelLaunch<RouteParameters> Route(StepKernel kernel) => new(kernel, grid, parameters);

        KernelLaunch<SortParameters> Sort(int places) => new(kernels.SortChoices, grid, new SortParameters { Mixture = mixture, TilePlaces = places });
    }

    private void Add(DispatchOp op) => works.Add(new KernelLaunch<DispatchParameters>(kernels.Dispatch, new GridRule(GridUnit.Rows, Shape.ChoiceCount), new DispatchParameters
    {
        Mixture = Parameters(),
        Input = context.AddressOf(op.Input),
        Output = context.AddressOf(op.Output),
        Columns = context.Program.Buffers[op.Output].Columns,
        InputStride = context.StrideOf(op.Input),
        OutputStride = context.StrideOf(op.Output),
    }));

    private int Add(LinearOp op, int index, int input, bool byRow)
    {
        var weight = context.Program.Weights[op.Weight];
        if (op.Slices.Count > 0 || op.Mode is not (LinearOutput.Round or LinearOutput.Keep) || weight.Experts != Shape.ExpertCount)
        {
            throw new ComputeException($"{weight.Name} is no product of {Shape.ExpertCount} experts without deltas and accumulation, as the CUDA kernels have it.");
        }

        var gate = context.Fuses && TakesGates(weight) ? Fusion.GateBehind(context.Program, index) : null;
        var output = gate?.Output ?? op.Output;
        var parameters = new ExpertsParameters
        {
            Mixture = Parameters(),
            Weight = context.Weights.AddressOf(op.Weight),
            Bias = context.Weights.AddressOf(op.Bias),
            Input = context.AddressOf(input),
            Output = context.AddressOf(output),
            Outputs = weight.RowsPerExpert,
            Inputs = weight.Columns,
            WeightStride = context.Weights.StrideOf(op.Weight),
            InputStride = context.StrideOf(input),
            OutputStride = context.StrideOf(output),
            ByRow = byRow ? 1 : 0,
            Mode = (int)op.Mode,
            Activation = gate is null ? ExpertsParameters.NoActivation : (int)gate.Activation,
            Limit = gate?.Limit ?? 0,
        };

        // With a gate a unit is 64 columns, which come from as many outputs.
        var units = Shape.ChoiceCount * ((weight.RowsPerExpert + UnitOutputs - 1) / UnitOutputs);
        var (few, many) = kernels.ExpertsOf(weight.Format);
        works.Add(new LaunchByRows(Multiply(few, context.ResidentBlocks), Multiply(many, context.ResidentBlocks / 2), FewRows));
        return gate is null ? 1 : 2;

        KernelLaunch<ExpertsParameters> Multiply(StepKernel kernel, int blocks) => new(kernel, new GridRule(GridUnit.Rows, units, Most: blocks), parameters);
    }

    /// <summary>Whether a unit of the product may be columns of gate and those of up that belong to them: of integers both halves begin a strip, as those of published models do.</summary>
    private static bool TakesGates(WeightSpec weight) => weight.Format == WeightFormat.BFloat16 || weight.RowsPerExpert / 2 % IntegerStrips.Rows == 0;

    private void Add(CombineOp op)
    {
        var columns = context.Program.Buffers[op.Output].Columns;
        works.Add(new KernelLaunch<CombineParameters>(kernels.Combine, new GridRule(GridUnit.Rows, (columns + CombineColumns - 1) / CombineColumns), new CombineParameters
        {
            Mixture = Parameters(),
            Input = context.AddressOf(op.Input),
            Output = context.AddressOf(op.Output),
            Columns = columns,
            InputStride = context.StrideOf(op.Input),
            OutputStride = context.StrideOf(op.Output),
            Accumulate = op.Accumulate ? 1 : 0,
        }));
    }

    private MixtureParameters Parameters()
    {
        var memory = context.Memory.Mixture ?? throw new ComputeException("A program without experts routes to them.");
        return new MixtureParameters
        {
            Experts = memory.Experts.Address,
            Weights = memory.Weights.Address,
            Places = memory.Places.Address,
            Rows = memory.Rows.Address,
            Marks = memory.Marks.Address,
            Tiles = memory.Tiles.Address,
            TileCount = memory.TileCount.Address,
            RowCount = context.CountAddress(nameof(Steps.StepHeader.RowCount)),
            ExpertCount = Shape.ExpertCount,
            ChoiceCount = Shape.ChoiceCount,
        };
    }
}

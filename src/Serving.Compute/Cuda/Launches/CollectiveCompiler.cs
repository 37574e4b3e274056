using Serving.Compute.Backends;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Where the ranks of a program meet.</summary>
internal sealed class CollectiveCompiler(LaunchContext context, KernelSet kernels, List<IStepWork> works)
{
    /// <summary>Columns that a block of the kernels on planes takes.</summary>
    private const int PlaneColumns = 1024;

    private RankContext Ranks => context.Ranks ?? throw new ComputeException("This program is one rank's part: it needs the other ranks.");

    /// <summary>Sums a buffer over the ranks and writes the sum to another, or adds it.</summary>
    public void Add(AllReduceOp op)
    {
        var stride = context.StrideOf(op.Input);
        var input = context.AddressOf(op.Input);
        Sum(works, GridUnit.Rows, stride, input, input, new SumPlanesParameters { Columns = Columns(op.Input), Output = context.AddressOf(op.Output), OutputStride = context.StrideOf(op.Output), Accumulate = op.Accumulate ? 1 : 0 });
    }

    /// <summary>Puts the ranks' parts of every output row side by side. They are gathered where sampling has its scratch.</summary>
    public void Add(AllGatherOp op)
    {
        var stride = context.StrideOf(op.Input);
        works.Add(new CollectiveLaunch(Ranks.Communicator, gathers: true, GridUnit.Outputs, stride, context.AddressOf(op.Input), context.Memory.SampleScratch.Address));
        works.Add(new PlanesLaunch<JoinPlanesParameters>(kernels.JoinPlanes, GridUnit.Outputs, Blocks(Columns(op.Output)), stride, new JoinPlanesParameters
        {
            Input = context.Memory.SampleScratch.Address,
            Output = context.AddressOf(op.Output),
            RowCount = context.CountAddress(nameof(StepHeader.OutputCount)),
            Columns = Columns(op.Output),
            InputStride = stride,
            OutputStride = context.StrideOf(op.Output),
        }));
    }

    /// <summary>
    /// Sums what the shrink of a Linear has left over chunks and ranks. Returns where the end of the Linear finds it: one plane. Without other ranks nothing is done, as
    /// the end of the Linear adds up the chunks itself.
    /// </summary>
    /// <param name="lora">Of the Linear.</param>
    /// <param name="shrink">What runs beside the base product: the sums are added here, so that it hides them.</param>
    public LoraParameters SumShrunk(LoraParameters lora, List<IStepWork> shrink)
    {
        if (context.Ranks is not { } ranks)
        {
            return lora;
        }

        var chunks = (lora.InputWidth + LoraParameters.ShrinkChunk - 1) / LoraParameters.ShrinkChunk;
        var part = chunks > 1 ? ranks.Memory.ShrunkPart.Address : lora.Partials;
        if (chunks > 1)
        {
            shrink.Add(new KernelLaunch<SumPlanesParameters>(kernels.SumPlanes, new GridRule(GridUnit.AdapterRows, Blocks(lora.RowStride)), new SumPlanesParameters
            {
                Input = lora.Partials,
                Output = part,
                PlaneStride = lora.PlaneStride,
                RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
                Columns = lora.RowStride,
                Planes = chunks,
                InputStride = lora.RowStride,
                OutputStride = lora.RowStride,
            }));
        }

        var sum = ranks.Memory.Shrunk.Address;
        Sum(shrink, GridUnit.AdapterRows, lora.RowStride, part, sum, new SumPlanesParameters { Columns = lora.RowStride, Output = sum, OutputStride = lora.RowStride });

        // One chunk of inputs is one plane.
        return lora with { Partials = sum, InputWidth = LoraParameters.ShrinkChunk };
    }

    /// <summary>Sums rows over the ranks: by NCCL, or gathered and added up in the order of the ranks. What <paramref name="end"/> says is done with the sums.</summary>
    private void Sum(List<IStepWork> into, GridUnit unit, int stride, ulong part, ulong sum, SumPlanesParameters end)
    {
        var gathered = Ranks.Memory.Gathered.Address;
        into.Add(new CollectiveLaunch(Ranks.Communicator, Ranks.Ordered, unit, stride, part, Ranks.Ordered ? gathered : sum));
        if (Ranks.Ordered || end.Output != sum)
        {
            end.Input = Ranks.Ordered ? gathered : sum;
            end.InputStride = stride;
            end.Planes = Ranks.Ordered ? Ranks.Communicator.Ranks : 1;
            end.RowCount = context.CountAddress(nameof(StepHeader.RowCount));
            into.Add(new PlanesLaunch<SumPlanesParameters>(kernels.SumPlanes, unit, Blocks(end.Columns), stride, end));
        }
    }

    private int Columns(int buffer) => context.Program.Buffers[buffer].Columns;

    private static int Blocks(int columns) => (columns + PlaneColumns - 1) / PlaneColumns;
}

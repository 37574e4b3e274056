using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Queues steps on one stream: the block is copied, the works are launched, the results are copied back. Two steps can be under way; the second one's block waits
/// in pinned memory of its own, and the stream's order keeps them apart on the device.
/// </summary>
internal sealed class StepRunner : IDisposable
{
    private readonly LaunchContext _context;
    private readonly IReadOnlyList<IStepWork> _works;
    private readonly CudaStream _stream;
    private readonly StepWriter _writer;
    private readonly StepTurn[] _turns;
    private readonly CudaDeviceBuffer? _logits;
    private int _begun;
    private int _ended;

    /// <summary>Takes the pinned memory.</summary>
    public StepRunner(LaunchContext context, IReadOnlyList<IStepWork> works, CudaStream stream)
    {
        _context = context;
        _works = works;
        _stream = stream;
        _writer = new StepWriter(context.Program, context.Layout);
        _turns = [new StepTurn(context.Layout, context.Memory, stream.Context), new StepTurn(context.Layout, context.Memory, stream.Context)];
        _logits = context.Program.Ops.OfType<SampleOp>().Select(op => context.Memory.Buffers[op.Input]).FirstOrDefault();
    }

    /// <summary>Queues a step.</summary>
    public void Begin(StepInputs inputs, StepOutputs outputs)
    {
        var turn = _turns[_begun % _turns.Length];
        if (turn.Outputs is not null)
        {
            throw new ComputeException("Two steps are under way; one must end before the next begins.");
        }

        _stream.Context.MakeCurrent();
        var size = _writer.Write(inputs, _context.Adapters.RankBlocks, turn.Block);
        _writer.Queue(_context.Memory.Block, _stream);
        foreach (var work in _works)
        {
            work.Queue(_stream, in size);
        }

        turn.Readback.Queue(inputs, outputs.Logits is null ? null : _logits, _stream);
        turn.Ended.Record(_stream);
        turn.Outputs = outputs;
        _begun++;
    }

    /// <summary>Waits for the oldest step and fills its outputs.</summary>
    public void End()
    {
        var turn = _turns[_ended % _turns.Length];
        var outputs = turn.Outputs ?? throw new ComputeException("No step is under way.");
        turn.Ended.Synchronize();
        turn.Readback.Read(outputs, _context.Program.Shape.VocabularySize);
        turn.Outputs = null;
        _ended++;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var turn in _turns)
        {
            turn.Dispose();
        }
    }
}

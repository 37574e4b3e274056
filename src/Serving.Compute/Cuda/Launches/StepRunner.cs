using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Queues steps on one stream: the block is copied, the works are launched, the results are copied back. A step whose masks come late waits in front of sampling, on the host: nothing
/// on the stream waits. Two steps can be under way; the second one's block waits
/// in pinned memory of its own, and the stream's order keeps them apart on the device.
/// </summary>
internal sealed class StepRunner : IDisposable
{
    private readonly LaunchContext _context;
    private readonly CompiledProgram _program;
    private readonly StepGraphs? _graphs;
    private readonly CudaStream _stream;
    private readonly StepWriter _writer;
    private readonly StepTurn[] _turns;
    private readonly CudaDeviceBuffer? _logits;
    private int _begun;
    private int _ended;

    /// <summary>Takes the pinned memory and records the steps of decoding batches.</summary>
    /// <param name="context">Where everything lies.</param>
    /// <param name="program">What is queued.</param>
    /// <param name="stream">Where.</param>
    /// <param name="records">Whether steps are recorded; otherwise every launch is queued by itself.</param>
    public StepRunner(LaunchContext context, CompiledProgram program, CudaStream stream, bool records)
    {
        _context = context;
        _program = program;
        _stream = stream;
        _writer = new StepWriter(context.Program, context.Layout, context.ResidentBlocks, context.AttentionPieces);
        _turns = [Turn(), Turn()];
        _graphs = records ? new StepGraphs(program.Works, stream, Math.Min(context.Layout.Limits.MaxSequences, context.Layout.Limits.MaxOutputs)) : null;
        _logits = context.Program.Ops.OfType<SampleOp>().Select(op => context.Memory.Buffers[op.Input]).FirstOrDefault();
    }

    /// <summary>Queues a step.</summary>
    public void Begin(StepInputs inputs, StepOutputs outputs)
    {
        var turn = _turns[_begun % _turns.Length];
        if (turn.Outputs is not null || Newest is { Outputs: not null, Unsampled: not null })
        {
            throw new ComputeException(turn.Outputs is not null ? "Two steps are under way; one must end before the next begins." : "The step before waits for its masks.");
        }

        _stream.Context.MakeCurrent();
        var size = _writer.Write(inputs, _context.Adapters.RankBlocks, turn.Block);
        size = size with { HasFactors = size.HasAdapters && _context.Adapters.HasFactors(inputs) };
        _context.Adapters.Await(inputs, _stream);
        _writer.Queue(_context.Memory.Block, _stream);
        Queue(in size);
        turn.Outputs = outputs;
        _begun++;
        if (inputs.HasLateMasks)
        {
            turn.Unsampled = size;
        }
        else
        {
            QueueSampling(turn, inputs, in size);
        }
    }

    /// <summary>Lets the newest step sample, whose masks are there now.</summary>
    public void Sample(StepInputs inputs)
    {
        var turn = Newest;
        if (turn.Unsampled is not { } size)
        {
            throw new ComputeException("No step waits for masks.");
        }

        _stream.Context.MakeCurrent();
        _writer.QueueMasks(inputs.Masks, _context.Memory.Block, _stream);
        QueueSampling(turn, inputs, in size);
        turn.Unsampled = null;
    }

    /// <summary>Waits for the oldest step and fills its outputs.</summary>
    public void End()
    {
        var turn = _turns[_ended % _turns.Length];
        var outputs = turn.Outputs ?? throw new ComputeException("No step is under way.");
        if (turn.Unsampled is not null)
        {
            throw new ComputeException("The step waits for its masks.");
        }

        turn.AwaitEnd();
        turn.Readback.Read(outputs, _context.Program.Shape.VocabularySize);
        turn.Outputs = null;
        _ended++;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Pinned memory is not given back under a copy: a step may be under way.
        _stream.TrySettle();
        _graphs?.Dispose();
        foreach (var turn in _turns)
        {
            turn.Dispose();
        }
    }

    private StepTurn Turn() => new(_context.Program, _context.Layout, _context.Memory, _stream.Context);

    private StepTurn Newest => _turns[(_begun + _turns.Length - 1) % _turns.Length];

    private void QueueSampling(StepTurn turn, StepInputs inputs, in StepSize size)
    {
        foreach (var work in _program.Sampling)
        {
            work.Queue(_stream, in size);
        }

        turn.Readback.Queue(inputs, turn.Outputs!.Logits is null ? null : _logits, _stream);
        turn.Ended.Record(_stream);
    }

    private void Queue(in StepSize size)
    {
        _program.Copies.Queue(_stream, in size);
        if (_graphs is null || !_graphs.TryLaunch(_stream, in size))
        {
            foreach (var work in _program.Works)
            {
                work.Queue(_stream, in size);
            }
        }
    }
}

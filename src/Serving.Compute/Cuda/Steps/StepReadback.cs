using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>
/// Brings a step's results to the host: the sampled ids, which are all there is unless logprobs were asked for. One of these is in use per step under way.
/// </summary>
internal sealed class StepReadback : IDisposable
{
    private readonly StepMemory _memory;
    private readonly CudaContext _context;
    private readonly CudaPinnedBuffer _ids;
    private readonly CudaPinnedBuffer _logprobs;
    private readonly CudaPinnedBuffer _topIds;
    private readonly CudaPinnedBuffer _topLogprobs;
    private readonly CudaPinnedBuffer? _hidden;
    private readonly CudaDeviceBuffer? _hiddenRows;
    private readonly int _hiddenSize;
    private CudaPinnedBuffer? _logits;
    private bool _hasLogprobs;
    private int _count;
    private int _hiddenCount;

    /// <summary>Takes pinned memory for the largest step.</summary>
    /// <param name="memory">Where results lie.</param>
    /// <param name="program">The model.</param>
    /// <param name="limits">The largest step.</param>
    /// <param name="context">The device.</param>
    public StepReadback(StepMemory memory, ModelProgram program, StepLimits limits, CudaContext context)
    {
        _memory = memory;
        _context = context;
        _ids = CudaPinnedBuffer.Allocate(context, (long)limits.MaxOutputs * sizeof(int));
        _logprobs = CudaPinnedBuffer.Allocate(context, (long)limits.MaxOutputs * sizeof(float));
        _topIds = CudaPinnedBuffer.Allocate(context, (long)limits.MaxOutputs * SampleRow.MaxTopLogprobs * sizeof(int));
        _topLogprobs = CudaPinnedBuffer.Allocate(context, (long)limits.MaxOutputs * SampleRow.MaxTopLogprobs * sizeof(float));
        if (program.LogitsInput >= 0)
        {
            _hiddenSize = program.Buffers[program.LogitsInput].Columns;
            _hiddenRows = memory.Buffers[program.LogitsInput];
            _hidden = CudaPinnedBuffer.Allocate(context, (long)limits.MaxSequences * _hiddenSize * sizeof(ushort));
        }
    }

    /// <summary>Queues the copies.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="logits">The raw logits where the caller keeps them, as tests do.</param>
    /// <param name="stream">The step's stream.</param>
    public void Queue(StepInputs inputs, CudaDeviceBuffer? logits, CudaStream stream)
    {
        _count = inputs.OutputCount;
        _hiddenCount = inputs.HiddenOutputCount;
        if (_count == 0)
        {
            return;
        }

        _hasLogprobs = HasLogprobs(inputs);
        _memory.SampledIds.CopyToAsync(0, _ids, 0, (long)_count * sizeof(int), stream);
        if (_hasLogprobs)
        {
            _memory.Logprobs.CopyToAsync(0, _logprobs, 0, (long)_count * sizeof(float), stream);
            _memory.TopIds.CopyToAsync(0, _topIds, 0, (long)_count * SampleRow.MaxTopLogprobs * sizeof(int), stream);
            _memory.TopLogprobs.CopyToAsync(0, _topLogprobs, 0, (long)_count * SampleRow.MaxTopLogprobs * sizeof(float), stream);
        }

        QueueHidden(inputs.HiddenOutputs, stream);
        if (logits is not null)
        {
            _logits ??= CudaPinnedBuffer.Allocate(_context, logits.Bytes);
            logits.CopyToAsync(0, _logits, 0, logits.Bytes, stream);
        }
    }

    /// <summary>Fills the outputs; the copies have arrived.</summary>
    public void Read(StepOutputs outputs, int vocabulary)
    {
        _ids.Span<int>(0, _count).CopyTo(outputs.TokenIds);
        if (_hasLogprobs)
        {
            var top = _count * SampleRow.MaxTopLogprobs;
            _logprobs.Span<float>(0, _count).CopyTo(outputs.Logprobs);
            _topIds.Span<int>(0, top).CopyTo(outputs.TopIds);
            _topLogprobs.Span<float>(0, top).CopyTo(outputs.TopLogprobs);
        }

        ReadHidden(outputs);
        if (outputs.Logits is not null && _logits is not null)
        {
            var stride = Strides.Of(vocabulary);
            for (var i = 0; i < _count; i++)
            {
                _logits.Span<float>((long)i * stride * sizeof(float), vocabulary).CopyTo(outputs.Logits.AsSpan(i * vocabulary));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ids.Dispose();
        _logprobs.Dispose();
        _topIds.Dispose();
        _topLogprobs.Dispose();
        _hidden?.Dispose();
        _logits?.Dispose();
    }

    // Row by row: few outputs of a step are embeddings, and their rows lie apart.
    private void QueueHidden(ReadOnlySpan<int> hidden, CudaStream stream)
    {
        var bytes = (long)_hiddenSize * sizeof(ushort);
        for (var i = 0; i < hidden.Length; i++)
        {
            _hiddenRows!.CopyToAsync((long)hidden[i] * Strides.Of(_hiddenSize) * sizeof(ushort), _hidden!, i * bytes, bytes, stream);
        }
    }

    private void ReadHidden(StepOutputs outputs)
    {
        // Ranks that compute the same rows have no room for them.
        if (_hiddenCount > 0 && outputs.Hidden.Length > 0)
        {
            var elements = _hidden!.Span<ushort>(0, _hiddenCount * _hiddenSize);
            for (var i = 0; i < elements.Length; i++)
            {
                outputs.Hidden[i] = BFloat16Bits.ToSingle(elements[i]);
            }
        }
    }

    private static bool HasLogprobs(StepInputs inputs)
    {
        foreach (ref readonly var output in inputs.Outputs)
        {
            if (output.TopLogprobs >= 0)
            {
                return true;
            }
        }

        return false;
    }
}

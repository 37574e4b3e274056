using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cpu;
using Serving.Compute.Cuda;
using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Loading.Quantized;
using Serving.Engine.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Runs one sequence of a model folder, or of a GGUF file, a step per call, keeping the logits: on the managed backend, on the native one with an instruction set, or on a GPU, which is given the integers that the files have.</summary>
internal sealed class ModelRunner : IDisposable
{
    private readonly IComputeBackend _backend;
    private readonly StepInputs _inputs = new();
    private readonly StepOutputs _outputs;
    private readonly ModelProgram _program;
    private readonly int _slot;
    private readonly int _states;
    private int _step;
    private int _position;

    public ModelRunner(string folder, int positions, bool exact = true, WeightFormat format = WeightFormat.BFloat16, AdapterWeights? adapter = null, bool keepsStored = false, string? isa = null, bool onGpu = false)
    {
        var (config, files) = Open(folder);
        using var weights = files;
        _program = ProgramQuantization.Apply(ModelRegistry.Build("model", config, positions), format);
        _program = onGpu ? StoredFormats.KeepQuantized(_program, weights) : keepsStored ? StoredFormats.Keep(_program, weights) : _program;
        _backend = onGpu ? new CudaBackend(_program, new CudaBackendOptions())
            : isa is null
            ? new ManagedBackend(_program, new ManagedBackendOptions { Threads = 1, Exact = exact })
            : new CpuBackend(_program, new CpuBackendOptions { Threads = 1, InstructionSet = isa });
        WeightLoader.Load(_backend, _program, weights);
        var pages = (positions + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        var limits = new StepLimits(positions, 1, positions, positions);
        var layout = AdapterLayout.Create(_program.Slices, adapter ?? new AdapterWeights([]), _program.Shape.PageBytes);
        _states = pages + layout.PageCount;
        _backend.AllocatePool(new PoolShape(_states + (2 * _program.Shape.StatePages), _program.Shape.PageBytes, 1), limits);
        _slot = adapter is null ? -1 : 0;
        if (adapter is not null)
        {
            using var prepared = _backend.PrepareAdapter(adapter)!;
            _backend.PackAdapter(0, prepared, [.. Enumerable.Range(pages, layout.PageCount)]);
        }

        _outputs = new StepOutputs(limits, _program.Shape.VocabularySize, keepLogits: true);
    }

    /// <summary>The formats of its matrices.</summary>
    public IEnumerable<WeightFormat> Formats => _program.Weights.Where(weight => weight.Kind == WeightKind.Matrix).Select(weight => weight.Format);

    /// <summary>Appends tokens and returns the most likely token after each of them.</summary>
    public int[] Append(params ReadOnlySpan<int> tokens)
    {
        _inputs.Clear();
        foreach (var token in tokens)
        {
            var row = _inputs.RowCount;
            _inputs.AddRow(token, _position + row, (_position + row) / ModelShape.PageTokens, (_position + row) % ModelShape.PageTokens);
            _inputs.AddOutput(new SampleRow { Row = row, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 });
        }

        var end = _position + tokens.Length;
        var entries = (end + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        var states = _program.Shape.StatePages;
        for (var page = 0; page < 2 * states; page++)
        {
            _inputs.AddStatePage(_states + page);
        }

        // Two versions, read and written in turns.
        var read = _position == 0 ? -1 : _step % 2 == 0 ? 0 : states;
        _inputs.AddSequence(new StepSequence
        {
            FirstRow = 0,
            RowCount = tokens.Length,
            FirstOrdinal = _position,
            FirstEntry = 0,
            EntryCount = entries,
            StateRead = read,
            StateWrite = _step++ % 2 == 0 ? states : 0,
        });
        for (var page = 0; page < entries; page++)
        {
            _inputs.AddEntry(page, Math.Min(ModelShape.PageTokens, end - (page * ModelShape.PageTokens)));
        }

        _inputs.AddSegment(0, tokens.Length, _slot);
        _backend.Execute(_inputs, _outputs);
        _position = end;
        return _outputs.TokenIds[..tokens.Length];
    }

    /// <summary>Logits of one row of the last step.</summary>
    public ReadOnlySpan<float> Logits(int row) => _outputs.Logits.AsSpan(row * _program.Shape.VocabularySize, _program.Shape.VocabularySize);

    public void Dispose() => _backend.Dispose();

    private static (ModelConfig Config, IWeightFiles Weights) Open(string path)
    {
        if (File.Exists(path))
        {
            return (GgufModel.Open(path).Config, GgufWeights.Open(path));
        }

        var folder = ModelFolder.Open(path);
        return (folder.Config, new FolderWeights(folder, WeightSchemes.Of(folder)));
    }
}

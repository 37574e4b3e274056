using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Compute.Steps;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.Testing;

namespace Serving.Engine.Tests.Demo;

/// <summary>The bundled model on one backend, driven directly: one sequence a step, pages in order, no scheduler.</summary>
public sealed class DemoRunner : IDisposable
{
    private const int MaxRows = 1024;
    private const int MaxOutputs = 96;
    private const int SequencePages = MaxRows / ModelShape.PageTokens;
    private static readonly StepLimits Limits = new(MaxRows, 1, MaxOutputs, MaxRows);

    private readonly IComputeBackend _backend;
    private readonly ModelProgram _program;
    private readonly StepInputs _inputs = new();
    private readonly StepOutputs _outputs;
    private readonly Dictionary<string, int> _slots = [];
    private int _nextPage = SequencePages;

    /// <summary>Loads the bundled model into a backend.</summary>
    public DemoRunner(Func<ModelProgram, IComputeBackend> create)
    {
        var folder = ModelFolder.Open(Repository.DemoModel);
        _program = ModelRegistry.Build("demo", folder.Config, folder.Config.MaxPositions);
        _backend = create(_program);
        WeightLoader.Load(_backend, _program, Repository.DemoModel);
        _backend.AllocatePool(new PoolShape(SequencePages + 256, _program.Shape.PageBytes, 16, AdapterHostBytes: 256 * _program.Shape.PageBytes), Limits);
        _outputs = new StepOutputs(Limits, _program.Shape.VocabularySize, keepLogits: true);
    }

    /// <summary>Columns of the logits.</summary>
    public int VocabularySize => _program.Shape.VocabularySize;

    /// <summary>
    /// Computes tokens in one step and gives the argmax and the raw logits [position, vocabulary] at the last <paramref name="outputs"/> positions.
    /// </summary>
    public (int[] Argmax, ReadOnlyMemory<float> Logits) Run(string model, IReadOnlyList<int> tokens, int outputs)
    {
        _inputs.Clear();
        var slot = model == "base" ? -1 : SlotOf(model);
        for (var i = 0; i < tokens.Count; i++)
        {
            _inputs.AddRow(tokens[i], i, i / ModelShape.PageTokens, i % ModelShape.PageTokens);
        }

        var pages = (tokens.Count + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        for (var page = 0; page < pages; page++)
        {
            _inputs.AddEntry(page, Math.Min(ModelShape.PageTokens, tokens.Count - (page * ModelShape.PageTokens)));
        }

        _inputs.AddSequence(new StepSequence { RowCount = tokens.Count, EntryCount = pages });
        _inputs.AddSegment(0, tokens.Count, slot);
        for (var i = tokens.Count - outputs; i < tokens.Count; i++)
        {
            _inputs.AddOutput(new SampleRow { Row = i, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 });
        }

        _backend.Execute(_inputs, _outputs);
        return (_outputs.TokenIds[..outputs], _outputs.Logits.AsMemory(0, outputs * VocabularySize));
    }

    /// <inheritdoc/>
    public void Dispose() => _backend.Dispose();

    private int SlotOf(string model)
    {
        if (_slots.TryGetValue(model, out var slot))
        {
            return slot;
        }

        slot = _slots.Count;
        var folder = Path.Combine(Repository.DemoAdapters, model);
        var adapter = PeftAdapterReader.Read(
            File.ReadAllBytes(Path.Combine(folder, "adapter_config.json")),
            File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors")),
            _program);
        Pack(slot, adapter.Weights);
        _slots.Add(model, slot);
        return slot;
    }

    private void Pack(int slot, AdapterWeights weights)
    {
        using var prepared = _backend.PrepareAdapter(weights)!;
        _backend.PackAdapter(slot, prepared, [.. Enumerable.Range(_nextPage, prepared.PageCount)]);
        _nextPage += prepared.PageCount;
    }
}

using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Steps;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Contracts;

/// <summary>A backend with a program loaded and a pool taken, and a free list of its pages: what the engine would be to it.</summary>
public sealed class BackendSession : IDisposable
{
    private readonly Stack<int> _free;
    private int _slots;

    /// <summary>Creates the backend, loads the weights and takes the pool.</summary>
    public BackendSession(BackendFactory factory, TestProgram test, int pages = 512, int maxRows = 256, int adapterSlots = 64, int hostPages = 0)
    {
        Test = test;
        Limits = new StepLimits(maxRows, 128, maxRows, test.Shape.Positions);
        Backend = factory.Create(test.Program);
        test.LoadInto(Backend);
        Backend.AllocatePool(new PoolShape(pages, Backend.PageBytes, adapterSlots, hostPages), Limits);
        Outputs = new StepOutputs(Limits, test.Shape.Vocabulary, keepLogits: true);

        // Pages are handed out in a scattered order, so that nothing works by luck of neighbouring pages.
        _free = new Stack<int>(Enumerable.Range(0, pages).OrderBy(page => page * 7919 % 1021).ThenBy(page => page));
    }

    /// <summary>The program.</summary>
    public TestProgram Test { get; }

    /// <summary>The backend.</summary>
    public IComputeBackend Backend { get; }

    /// <summary>The largest step.</summary>
    public StepLimits Limits { get; }

    /// <summary>Filled by every step.</summary>
    public StepOutputs Outputs { get; }

    /// <summary>The step being built.</summary>
    public StepInputs Inputs { get; } = new();

    /// <summary>Takes a page.</summary>
    public int TakePage() => _free.Pop();

    /// <summary>Gives pages back: the next ones taken are these.</summary>
    public void ReturnPages(IEnumerable<int> pages)
    {
        foreach (var page in pages)
        {
            _free.Push(page);
        }
    }

    /// <summary>Packs an adapter and returns its slot.</summary>
    public int AddAdapter(AdapterWeights adapter)
    {
        var pages = Enumerable.Range(0, Backend.PageCountOf(adapter)).Select(_ => TakePage()).ToArray();
        Backend.PackAdapter(_slots, adapter, pages);
        return _slots++;
    }

    /// <summary>Runs the step that was built.</summary>
    public void Execute() => Backend.Execute(Inputs, Outputs);

    /// <summary>The raw logits of an output of the last step.</summary>
    public float[] Logits(int output) => Outputs.Logits!.AsSpan(output * Test.Shape.Vocabulary, Test.Shape.Vocabulary).ToArray();

    /// <inheritdoc/>
    public void Dispose() => Backend.Dispose();
}

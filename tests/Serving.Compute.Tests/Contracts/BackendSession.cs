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

    /// <summary>Creates the backend, loads the weights and takes the pool, with host memory for prepared adapters of as many pages, unless fewer are asked for.</summary>
    public BackendSession(BackendFactory factory, TestProgram test, int pages = 512, int maxRows = 256, int adapterSlots = 64, int hostPages = 0, int? adapterPages = null)
    {
        Test = test;
        Limits = new StepLimits(maxRows, 128, maxRows, test.Shape.Positions);
        Backend = factory.Create(test.Program);
        try
        {
            test.LoadInto(Backend);
            Backend.AllocatePool(new PoolShape(pages, Backend.PageBytes, adapterSlots, hostPages, (adapterPages ?? pages) * Backend.PageBytes * (Backend.DeviceMemory?.Count ?? 1)), Limits);
        }
        catch
        {
            Backend.Dispose();
            throw;
        }

        Outputs = new StepOutputs(Limits, test.Shape.Vocabulary, keepLogits: true, test.Shape.Hidden);

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

    /// <summary>Prepares an adapter.</summary>
    public IPreparedAdapter Prepare(AdapterWeights adapter)
    {
        var prepared = Backend.PrepareAdapter(adapter);
        Assert.NotNull(prepared);
        return prepared;
    }

    /// <summary>Packs a prepared adapter and returns its slot.</summary>
    public int Add(IPreparedAdapter adapter)
    {
        Backend.PackAdapter(_slots, adapter, TakePages(adapter));
        return _slots++;
    }

    /// <summary>Prepares an adapter, packs it, gives its host memory back at once, and returns its slot.</summary>
    public int AddAdapter(AdapterWeights adapter)
    {
        using var prepared = Prepare(adapter);
        return Add(prepared);
    }

    /// <summary>Takes the pages that an adapter needs.</summary>
    public int[] TakePages(IPreparedAdapter adapter) => [.. Enumerable.Range(0, adapter.PageCount).Select(_ => TakePage())];

    /// <summary>Runs the step that was built.</summary>
    public void Execute() => Backend.Execute(Inputs, Outputs);

    /// <summary>The raw logits of an output of the last step.</summary>
    public float[] Logits(int output) => Outputs.Logits!.AsSpan(output * Test.Shape.Vocabulary, Test.Shape.Vocabulary).ToArray();

    /// <summary>The hidden state that was asked for as number <paramref name="index"/> of the last step.</summary>
    public float[] Hidden(int index) => Outputs.Hidden.AsSpan(index * Test.Shape.Hidden, Test.Shape.Hidden).ToArray();

    /// <inheritdoc/>
    public void Dispose() => Backend.Dispose();
}

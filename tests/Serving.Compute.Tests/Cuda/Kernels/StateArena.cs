using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Versions of recurrent states in pages that do not follow each other. What nothing was written to is no number, so that whoever reads or writes it is seen.</summary>
internal sealed class StateArena
{
    private readonly float[] _pages;
    private readonly int[] _list;
    private readonly int _first;
    private readonly int _floats;
    private readonly int _pageFloats;
    private ulong _address;

    /// <summary>Takes pages.</summary>
    /// <param name="versions">Versions of the states.</param>
    /// <param name="first">Where an op's part begins.</param>
    /// <param name="floats">Floats of that part.</param>
    /// <param name="pageFloats">Floats of a page.</param>
    public StateArena(int versions, int first, int floats, int pageFloats)
    {
        (_first, _floats, _pageFloats) = (first, floats, pageFloats);
        PagesPerVersion = Math.Max(1, (first + floats + pageFloats - 1) / pageFloats);
        var order = Enumerable.Range(0, (versions * PagesPerVersion) + 2).ToArray();
        new Random(versions).Shuffle(order);
        _list = order[..^2];
        _pages = new float[order.Length * pageFloats];
        _pages.AsSpan().Fill(float.NaN);
    }

    /// <summary>Pages of a version.</summary>
    public int PagesPerVersion { get; }

    /// <summary>Where in the step's list a version begins.</summary>
    public int At(int version) => version * PagesPerVersion;

    /// <summary>The op's part of a version.</summary>
    public float[] Read(int version) => [.. Enumerable.Range(0, _floats).Select(i => _pages[Place(version, i)])];

    /// <summary>Sets the op's part of a version.</summary>
    public void Write(int version, IReadOnlyList<float> values)
    {
        for (var i = 0; i < _floats; i++)
        {
            _pages[Place(version, i)] = values[i];
        }
    }

    /// <summary>Copies everything to the device.</summary>
    public StateParameters Upload(KernelSession session, StepSequence[] sequences)
    {
        _address = session.Upload<float>(_pages);
        return new StateParameters
        {
            Pages = _address,
            List = session.Upload<int>(_list),
            Sequences = session.Upload<StepSequence>(sequences),
            SequenceCount = session.Upload(sequences.Length),
            First = _first,
            PageFloats = _pageFloats,
        };
    }

    /// <summary>Copies it back: nothing but some versions may have changed, and nothing of them but the op's part.</summary>
    public void Download(KernelSession session, params int[] written)
    {
        var after = session.Download<float>(_address, _pages.Length);
        var places = written.SelectMany(version => Enumerable.Range(0, _floats).Select(i => Place(version, i))).ToHashSet();
        var changed = Enumerable.Range(0, after.Length).Where(i => !places.Contains(i) && BitConverter.SingleToInt32Bits(after[i]) != BitConverter.SingleToInt32Bits(_pages[i]));
        Assert.Empty(changed);
        after.CopyTo(_pages, 0);
    }

    private int Place(int version, int i) => (_list[At(version) + ((_first + i) / _pageFloats)] * _pageFloats) + ((_first + i) % _pageFloats);
}

namespace Serving.Engine.Tokenization.Text;

/// <summary>A growing list of token ids.</summary>
internal sealed class IdBuffer
{
    private int[] _ids = new int[64];
    private int _count;

    public int Count => _count;

    public void Add(int id)
    {
        if (_count == _ids.Length)
        {
            Array.Resize(ref _ids, _count * 2);
        }

        _ids[_count++] = id;
    }

    public void AddRange(ReadOnlySpan<int> ids)
    {
        if (_ids.Length - _count < ids.Length)
        {
            Array.Resize(ref _ids, Math.Max(_ids.Length * 2, _count + ids.Length));
        }

        ids.CopyTo(_ids.AsSpan(_count));
        _count += ids.Length;
    }

    /// <summary>A copy of the ids from <paramref name="start"/> on.</summary>
    public int[] From(int start) => _ids.AsSpan(start, _count - start).ToArray();

    public int[] ToArray() => _ids.AsSpan(0, _count).ToArray();
}

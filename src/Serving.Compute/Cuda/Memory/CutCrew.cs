using System.Runtime.ExceptionServices;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Numbered pieces of work, shared between the thread that needs them and a few of the thread pool. The owner says up to which piece may be begun, works along, and waits for
/// one piece at a time; helpers that come late, or never, leave more to it. Helpers know nothing of the device: whatever can fail there fails in the owner's thread.
/// </summary>
internal sealed class CutCrew : IDisposable
{
    private readonly object _gate = new();
    private readonly Action<int> _work;
    private readonly bool[] _done;
    private int _allowed;
    private int _taken;
    private int _underWay;
    private int _awaited = -1;
    private bool _closed;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Calls helpers; no piece may be begun yet.</summary>
    /// <param name="pieces">How many.</param>
    /// <param name="helpers">Threads beside the owner's, at most.</param>
    /// <param name="work">Does one piece; pieces are taken in order, by any thread.</param>
    public CutCrew(int pieces, int helpers, Action<int> work)
    {
        _work = work;
        _done = new bool[pieces];
        for (var i = 0; i < Math.Min(helpers, pieces - 1); i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static crew => crew.Help(), this, preferLocal: false);
        }
    }

    /// <summary>Threads that cut at once: all processors but the engine thread's, eight at most: 30 GB/s of a link of 55 beside an H200, less time than its step takes.</summary>
    public static int Size { get; } = Math.Clamp(Environment.ProcessorCount - 1, 1, 8);

    /// <summary>Lets pieces before <paramref name="end"/> be begun.</summary>
    public void Allow(int end)
    {
        lock (_gate)
        {
            if (end > _allowed)
            {
                _allowed = end;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Does one piece on the owner's thread, unless all that may be are begun.</summary>
    public bool TryWork()
    {
        var piece = Take(waits: false);
        if (piece >= 0)
        {
            Do(piece);
        }

        return piece >= 0;
    }

    /// <summary>Whether a piece is done.</summary>
    public bool IsDone(int piece) => Volatile.Read(ref _done[piece]);

    /// <summary>Waits for a piece that may be begun.</summary>
    /// <exception cref="Exception">Whatever went wrong in any piece.</exception>
    public void Await(int piece)
    {
        lock (_gate)
        {
            _awaited = piece;
            while (!_done[piece] && _failure is null)
            {
                Monitor.Wait(_gate);
            }

            _awaited = -1;
            _failure?.Throw();
        }
    }

    /// <summary>Begins no more pieces, and waits for those under way: afterwards nobody touches what they write to.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
            while (_underWay > 0)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Whether no piece will be begun any more.</summary>
    private bool IsOver => _closed || _failure is not null || _taken == _done.Length;

    private void Help()
    {
        for (var piece = Take(waits: true); piece >= 0; piece = Take(waits: true))
        {
            Do(piece);
        }
    }

    /// <summary>The next piece that may be begun; -1 when there is none, or will be none.</summary>
    private int Take(bool waits)
    {
        lock (_gate)
        {
            while (waits && !IsOver && _taken == _allowed)
            {
                Monitor.Wait(_gate);
            }

            if (IsOver || _taken == _allowed)
            {
                return -1;
            }

            _underWay++;
            return _taken++;
        }
    }

    private void Do(int piece)
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            _work(piece);
        }
        catch (Exception exception)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        lock (_gate)
        {
            _failure ??= failure;
            _done[piece] = failure is null;
            _underWay--;
            if (_closed || piece == _awaited || failure is not null)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }
}

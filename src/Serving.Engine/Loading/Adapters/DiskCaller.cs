namespace Serving.Engine.Loading.Adapters;

/// <summary>Calls to the disk for one thing, an adapter or a list: what hangs is not asked for again until it has answered. Thread-safe.</summary>
internal sealed class DiskCaller
{
    private int _hung;

    /// <summary>Calls that were given up and have not returned.</summary>
    public int Hung => Volatile.Read(ref _hung);

    /// <summary>Throws while a call that was given up has not returned.</summary>
    /// <exception cref="TimeoutException">There is one.</exception>
    public void ThrowIfHung()
    {
        if (Hung > 0)
        {
            throw new TimeoutException("A call to the file system hangs.");
        }
    }

    /// <summary>A call begins.</summary>
    public DiskCall Begin() => new(this);

    /// <summary>A call: it returns, and before that it may be given up.</summary>
    internal sealed class DiskCall(DiskCaller caller)
    {
        private const int Running = 0;
        private const int Returned = 1;
        private const int Abandoned = 2;

        private int _state;

        /// <summary>It is not waited for any more; nothing where it has returned.</summary>
        public void GiveUp()
        {
            Interlocked.Increment(ref caller._hung);
            if (Interlocked.CompareExchange(ref _state, Abandoned, Running) != Running)
            {
                Interlocked.Decrement(ref caller._hung);
            }
        }

        /// <summary>It has returned.</summary>
        public void Return()
        {
            if (Interlocked.Exchange(ref _state, Returned) == Abandoned)
            {
                Interlocked.Decrement(ref caller._hung);
            }
        }
    }
}

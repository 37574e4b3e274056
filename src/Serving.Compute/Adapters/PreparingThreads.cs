using System.Runtime.ExceptionServices;
using Serving.Compute.Interop;

namespace Serving.Compute.Adapters;

/// <summary>Threads that prepare one adapter, beside steps: a quarter of the processors, and behind the threads that compute steps where both want one.</summary>
internal static class PreparingThreads
{
    /// <summary>Threads for one adapter.</summary>
    public static int Most { get; } = Math.Max(1, Environment.ProcessorCount / 4);

    /// <summary>Does so many pieces of work, each once, in any order, and returns when all are done. The first that fails, or whoever gives up, ends the rest.</summary>
    /// <param name="count">Pieces.</param>
    /// <param name="threads">Threads at most.</param>
    /// <param name="work">Does the piece of a number.</param>
    /// <param name="cancellationToken">Gives up between pieces.</param>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static void Run(int count, int threads, Action<int> work, CancellationToken cancellationToken)
    {
        var next = -1;
        ExceptionDispatchInfo? failure = null;

        void Work()
        {
            ThreadNiceness.StandBack();
            try
            {
                while (Volatile.Read(ref failure) is null && Interlocked.Increment(ref next) is var piece && piece < count)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    work(piece);
                }
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(exception), null);
            }
        }

        var all = new Thread[Math.Clamp(threads, 0, count)];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = new Thread(Work) { IsBackground = true, Name = $"adapter preparing {i}" };
            all[i].Start();
        }

        Array.ForEach(all, thread => thread.Join());
        failure?.Throw();
    }
}

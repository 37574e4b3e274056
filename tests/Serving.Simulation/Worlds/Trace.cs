using System.Text;
using Serving.Simulation.Randomness;

namespace Serving.Simulation.Worlds;

/// <summary>What happened in a run: a hash over everything, and the last events for people.</summary>
internal sealed class Trace
{
    private const int Kept = 4096;

    private readonly Entry[] _ring = new Entry[Kept];
    private long _count;

    /// <summary>A hash over all events so far: equal for equal runs.</summary>
    public ulong Hash { get; private set; } = 1;

    /// <summary>The current step.</summary>
    public int Step { get; set; }

    /// <summary>Adds an event.</summary>
    public void Add(TraceKind kind, long a = 0, long b = 0, long c = 0)
    {
        Hash = Mixing.Fold(Mixing.Fold(Mixing.Fold(Mixing.Fold(Hash, ((ulong)(uint)Step << 8) | (byte)kind), (ulong)a), (ulong)b), (ulong)c);
        _ring[_count++ % Kept] = new Entry(Step, kind, a, b, c);
    }

    /// <summary>The last <paramref name="lines"/> events, one a line; with a request's number, only its events and those of everybody.</summary>
    public string Tail(int lines, long request = 0)
    {
        var text = new StringBuilder();
        var shown = new List<string>();
        for (var index = _count - 1; index >= Math.Max(0, _count - Kept) && shown.Count < lines; index--)
        {
            var entry = _ring[index % Kept];
            if (request == 0 || entry.Kind > TraceKind.LastOfRequest || entry.A == request)
            {
                shown.Add($"  {entry.Step,5} {entry.Kind,-14} {entry.A} {entry.B} {entry.C}");
            }
        }

        shown.Reverse();
        return text.AppendJoin('\n', shown).ToString();
    }

    private readonly record struct Entry(int Step, TraceKind Kind, long A, long B, long C);
}

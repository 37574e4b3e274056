namespace Serving.Engine.Loading;

/// <summary>What recurrent states take of the pool.</summary>
/// <param name="Pages">Pages of a version; 0 of models in which every layer attends.</param>
/// <param name="Sequences">Sequences that run at once at most.</param>
public readonly record struct StateDemand(int Pages, int Sequences)
{
    private const int Versions = 2;

    /// <summary>Pages of a sequence that runs: it has two versions, read and written in turns.</summary>
    public long RunningPages => (long)Versions * Pages;

    /// <summary>Pages that are wanted: those of all sequences, and as many for versions that are kept as snapshots.</summary>
    public long WantedPages => 2 * RunningPages * Sequences;
}

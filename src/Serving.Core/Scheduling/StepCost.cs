namespace Serving.Core.Scheduling;

/// <summary>
/// What a step takes by its rows, learnt from those that ran: time = fixed + rows × each, by least squares in which a step counts 1 % less with each that follows. A decoding step waits
/// for the weights, however many rows read them, until the arithmetic of the rows takes longer than that.
/// </summary>
internal sealed class StepCost
{
    /// <summary>Steps of more rows are not looked at: they are bound by arithmetic, and would tell nothing of where that begins.</summary>
    public const int MostRows = 64;

    /// <summary>What is assumed of a row before anything is known: a sixteenth of a step.</summary>
    public const double Assumed = 1.0 / 16;

    private const double Kept = 0.99;

    /// <summary>A step longer than so many times the mean counts as that: somebody else had the processors.</summary>
    private const double MostOfMean = 4;

    private const double Least = 1.0 / 1024;

    private double _steps;
    private double _rows;
    private double _rowsSquared;
    private double _time;
    private double _rowsTime;

    /// <summary>What one row more takes, as a part of what a step takes without any: 0.001 … 1.</summary>
    public double RowShare { get; private set; } = Assumed;

    /// <summary>Takes note of a step.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="microseconds">How long it took.</param>
    public void Observe(int rows, long microseconds)
    {
        if (rows > MostRows || microseconds <= 0)
        {
            return;
        }

        var time = _steps > 0 ? Math.Min(microseconds, MostOfMean * _time / _steps) : microseconds;
        _steps = (_steps * Kept) + 1;
        _rows = (_rows * Kept) + rows;
        _rowsSquared = (_rowsSquared * Kept) + ((double)rows * rows);
        _time = (_time * Kept) + time;
        _rowsTime = (_rowsTime * Kept) + (rows * time);
        Fit();
    }

    // Steps that all had about as many rows say nothing of what a row takes: what was known stays.
    private void Fit()
    {
        var mean = _rows / _steps;
        var spread = (_rowsSquared / _steps) - (mean * mean);
        if (_steps < 2 || spread < 0.25)
        {
            return;
        }

        var each = ((_rowsTime / _steps) - (mean * _time / _steps)) / spread;
        var without = (_time / _steps) - (each * mean);
        RowShare = without <= 0 ? 1 : Math.Clamp(each / without, Least, 1);
    }
}

namespace Serving.LoadTests;

/// <summary>What the process ends with.</summary>
internal static class ExitCodes
{
    /// <summary>Every threshold held.</summary>
    public const int Good = 0;

    /// <summary>A threshold did not hold.</summary>
    public const int Missed = 1;

    /// <summary>The command line, the scenario or a file is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The generator was the bottleneck: the figures do not stand for the scenario.</summary>
    public const int Generator = 3;

    /// <summary>The daemon cannot be reached, or refuses what the run needs.</summary>
    public const int Daemon = 4;

    /// <summary>Interrupted: the report is of a part.</summary>
    public const int Interrupted = 130;
}

namespace Serving.LoadTests.Client;

/// <summary>The daemon cannot be prepared for a run: it is not there, or refuses what the run needs.</summary>
internal sealed class DaemonException(string message) : Exception(message);

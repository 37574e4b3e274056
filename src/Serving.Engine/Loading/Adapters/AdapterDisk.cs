namespace Serving.Engine.Loading.Adapters;

/// <summary>How the disk that adapters lie on does.</summary>
/// <param name="Calls">Calls under way, those that hang included.</param>
/// <param name="Hung">Those that nobody waits for any more: the file system has not answered for longer than a load may take.</param>
/// <param name="Waiting">Calls that wait for a thread.</param>
/// <param name="GivenUp">Calls that were given up so far.</param>
/// <param name="Refused">Calls that found the queue full so far.</param>
/// <param name="Stale">Times so far that an adapter or a list was taken as it was last seen, since the disk did not say whether it still is so.</param>
public readonly record struct AdapterDisk(int Calls, int Hung, int Waiting, long GivenUp, long Refused, long Stale);

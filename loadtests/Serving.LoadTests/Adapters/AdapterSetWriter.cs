using System.Text;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Adapters;

/// <summary>
/// Writes a set of adapters into a folder, each into one of its own. What is there is either what would be written, and stays, or not ours: then nothing at all is written. An adapter is
/// written beside its place and moved there whole, so that a daemon that looks at the folder never sees a part of one, and a run that was cut short goes on where it ended.
/// </summary>
/// <param name="set">Which adapters.</param>
/// <param name="folder">Where to.</param>
internal sealed class AdapterSetWriter(AdapterSet set, string folder)
{
    // While an adapter is made its bytes are there three times: as values, as elements, as a file.
    private const int Copies = 3;
    private const long MaxMemory = 4L << 30;

    private const string Config = "adapter_config.json";
    private const string Weights = "adapter_model.safetensors";

    /// <summary>Writes what is missing.</summary>
    /// <param name="cancel">Ends it between two adapters.</param>
    /// <returns>How many were written, and how many were there.</returns>
    /// <exception cref="ScenarioException">Something else is in the place of an adapter, there is no room, or it cannot be written.</exception>
    public (int Written, int Kept) Write(CancellationToken cancel)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var atOnce = (int)Math.Clamp(MaxMemory / (Copies * set.LargestBytes), 1, Environment.ProcessorCount);
            var parallel = new ParallelOptions { CancellationToken = cancel, MaxDegreeOfParallelism = atOnce };
            var (present, foreign) = (new bool[set.Count], new string?[set.Count]);
            Parallel.For(0, set.Count, parallel, number =>
            {
                present[number] = Path.Exists(PlaceOf(number));
                foreign[number] = present[number] && !IsOurs(number) ? PlaceOf(number) : null;
            });
            Refuse([.. foreign.OfType<string>()]);
            var missing = Enumerable.Range(0, set.Count).Where(number => !present[number]).ToList();
            MakeSure(missing.Sum(set.BytesOf));
            Parallel.ForEach(missing, parallel, WriteOne);
            return (missing.Count, set.Count - missing.Count);
        }
        catch (AggregateException exception) when (exception.InnerExceptions.All(inner => inner is IOException or UnauthorizedAccessException))
        {
            throw Failed(exception.InnerExceptions[0]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Failed(exception);
        }
    }

    private ScenarioException Failed(Exception cause) => new($"adapters cannot be written to {folder}: {cause.Message}");

    private string PlaceOf(int number) => Path.Combine(folder, AdapterSet.NameOf(number));

    private bool IsOurs(int number)
    {
        var place = PlaceOf(number);
        return Directory.Exists(place)
            && Directory.EnumerateFileSystemEntries(place).Select(Path.GetFileName).Order(StringComparer.Ordinal).SequenceEqual([Config, Weights])
            && Holds(Path.Combine(place, Config), Encoding.UTF8.GetBytes(set.ConfigOf(number)))
            && Holds(Path.Combine(place, Weights), set.WeightsOf(number));
    }

    private static bool Holds(string path, ReadOnlySpan<byte> content) => new FileInfo(path).Length == content.Length && content.SequenceEqual(File.ReadAllBytes(path));

    private static void Refuse(List<string> foreign)
    {
        if (foreign.Count > 0)
        {
            throw new ScenarioException($"{foreign[0]}{(foreign.Count > 1 ? $" and {foreign.Count - 1} more" : "")} is there and is not what would be written (another base, rank, seed or somebody's own): nothing was written");
        }
    }

    private void MakeSure(long bytes)
    {
        var free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (bytes > free)
        {
            throw new ScenarioException($"{bytes >> 20} MiB are missing in {folder}, and its disk has {free >> 20} MiB free: nothing was written");
        }
    }

    // A folder whose name begins with a dot is no adapter to the daemon.
    private void WriteOne(int number)
    {
        var beside = Path.Combine(folder, $".{AdapterSet.NameOf(number)}.part");
        Directory.CreateDirectory(beside);
        File.WriteAllText(Path.Combine(beside, Config), set.ConfigOf(number));
        File.WriteAllBytes(Path.Combine(beside, Weights), set.WeightsOf(number));
        Directory.Move(beside, PlaceOf(number));
    }
}

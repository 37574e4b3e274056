using System.Globalization;
using Serving.LoadTests.Sampling;
using Serving.Testing.Adapters;

namespace Serving.LoadTests.Adapters;

/// <summary>LoRA adapters in PEFT's format that follow from a seed: number 17 has the same bytes whatever stands beside it, and no two have the same content.</summary>
/// <param name="Model">The sizes of the base model.</param>
/// <param name="Count">How many.</param>
/// <param name="Ranks">Dealt in turn, as S-LoRA deals them: number i has rank i mod their count.</param>
/// <param name="Targets">Projections that they change, of every expert where there are some.</param>
/// <param name="Seed">Decides every byte.</param>
internal sealed record AdapterSet(AdapterDimensions Model, int Count, IReadOnlyList<int> Ranks, IReadOnlyList<string> Targets, int Seed)
{
    /// <summary>Adapters at most.</summary>
    public const int MaxCount = 65_536;

    /// <summary>Largest rank: what the daemon takes.</summary>
    public const int MaxRank = 256;

    /// <summary>Largest adapter, bytes: it is made in memory.</summary>
    public const long MaxAdapterBytes = 1L << 30;

    private const int ElementBytes = 2;

    // A tensor's entry in the header, and the configuration: no more than this.
    private const int EntryBytes = 192;
    private const int ConfigBytes = 512;

    /// <summary>An adapter's name; they sort by number.</summary>
    public static string NameOf(int number) => number.ToString("'load-'00000", CultureInfo.InvariantCulture);

    /// <summary>Its rank.</summary>
    public int RankOf(int number) => Ranks[number % Ranks.Count];

    /// <summary>What its files take, bytes; a little more than they do.</summary>
    public long BytesOf(int number)
    {
        var layer = Targets.Sum(target => Model.WidthsOf(target) is var (input, output)
            ? Model.ModulesOf(target).Count * (((long)RankOf(number) * (input + output) * ElementBytes) + (2L * EntryBytes))
            : 0);
        return (Model.Layers * layer) + ConfigBytes;
    }

    /// <summary>What the largest takes, bytes.</summary>
    public long LargestBytes => Enumerable.Range(0, Math.Min(Count, Ranks.Count)).Max(BytesOf);

    /// <summary>What all take, bytes.</summary>
    public long TotalBytes => Enumerable.Range(0, Count).Sum(BytesOf);

    /// <summary>Its <c>adapter_config.json</c>.</summary>
    public string ConfigOf(int number) => AdapterGenerator.Config(RankOf(number), [.. Targets.Select(target => Model.Mixture?.NameOf(target) ?? target)]).ToJsonString();

    /// <summary>Its <c>adapter_model.safetensors</c>.</summary>
    public byte[] WeightsOf(int number) => AdapterGenerator.Weights(Model, SeedOf(number), RankOf(number), Targets);

    // Numbers that follow one another, so that no two are the same; System.Random takes a number and its negative for one.
    private int SeedOf(int number) => (int)((new SeededRandom(Seed).NextInt(int.MaxValue) + (long)number) & int.MaxValue);
}

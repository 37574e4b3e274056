namespace Serving.Engine.Tokenization.Bpe;

/// <summary>
/// Words that were encoded before. Direct-mapped: a word has one slot and replaces what is there, so the memory is bounded
/// (about 10 MB when every slot holds a word of the greatest length) and threads share it without a lock: entries are immutable.
/// </summary>
internal sealed class WordCache
{
    /// <summary>UTF-16 units of the longest word kept.</summary>
    public const int LongestWord = 48;

    private const int Slots = 1 << 15;

    private readonly Entry?[] _entries = new Entry?[Slots];

    /// <summary>The ids of a word, or null.</summary>
    public int[]? Find(ReadOnlySpan<char> word, out int slot)
    {
        slot = string.GetHashCode(word) & (Slots - 1);
        var entry = Volatile.Read(ref _entries[slot]);
        return entry is not null && word.SequenceEqual(entry.Word) ? entry.Ids : null;
    }

    /// <summary>Keeps the ids of a word in the slot that <see cref="Find"/> named.</summary>
    public void Keep(int slot, ReadOnlySpan<char> word, int[] ids) => Volatile.Write(ref _entries[slot], new Entry(word.ToString(), ids));

    private sealed record Entry(string Word, int[] Ids);
}

using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Workload;

/// <summary>Plain English words: where the ids of prompts come from, and the text of documents.</summary>
internal static class Words
{
    private static readonly string[] All =
    [.. """
        the a of and to in is was he for it with as his on be at by had not are but from or have an they which one you were her all she there would their we him been has when who
        will more no if out so said what up its about into than them can only other new some could time these two may then do first any my now such like our over man me even most
        made after also did many before must through back years where much your way well down should because each just those people how too little state good very make world still
        own see men work long get here between both life being under never day same another know while last might us great old year off come since against go came right used take
        three small river house garden office lamp red blue green door window table letter number street city water light night morning summer winter bread apple horse bird fish
        stone tree road bridge boat cellar kitchen paper book story question answer name friend child mother father brother sister teacher doctor king queen island mountain sea sky
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>All of them, each once.</summary>
    public static string Text { get; } = string.Join(' ', All);

    /// <summary>A text of so many words.</summary>
    public static string Draw(int words, SeededRandom random) => string.Join(' ', Enumerable.Range(0, words).Select(_ => All[random.NextInt(All.Length)]));
}

using System.Diagnostics;
using Serving.Engine.Tokenization;

namespace Serving.Benchmarks;

/// <summary>Rate of encoding and streaming decoding on one core, and the cost of hostile texts of a million characters.</summary>
internal static class TokenizerMode
{
    private const int Rounds = 5;

    /// <summary>Arguments: a model's folder and a text file.</summary>
    public static void Run(string[] args)
    {
        var start = Stopwatch.GetTimestamp();
        var tokenizer = Tokenizer.Load(args[0]);
        Console.WriteLine($"load: {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms");
        var text = File.ReadAllText(args[1]);
        var bytes = new FileInfo(args[1]).Length;
        int[] ids = [];
        for (var round = 0; round < Rounds; round++)
        {
            // The first round meets an empty word cache; processor time tells the rate where other programs share the core.
            var processor = Environment.CpuUsage.TotalTime;
            start = Stopwatch.GetTimestamp();
            ids = tokenizer.EncodeToIds(text, addSpecialTokens: false);
            var wall = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var busy = (Environment.CpuUsage.TotalTime - processor).TotalSeconds;
            Console.WriteLine($"encode {round}: {bytes / wall / 1e6,6:F1} MB/s of wall time, {bytes / busy / 1e6,6:F1} of processor time, {ids.Length} tokens");
        }

        Detokenize(tokenizer, ids);
        foreach (var (name, hostile) in HostileTexts())
        {
            start = Stopwatch.GetTimestamp();
            var count = tokenizer.EncodeToIds(hostile, addSpecialTokens: false).Length;
            Console.WriteLine($"{name,-12} {Stopwatch.GetElapsedTime(start).TotalMilliseconds,6:F0} ms, {count} tokens");
        }
    }

    private static void Detokenize(Tokenizer tokenizer, int[] ids)
    {
        var stream = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true);
        var start = Stopwatch.GetTimestamp();
        foreach (var id in ids)
        {
            stream.Append(id);
        }

        stream.Flush();
        Console.WriteLine($"detokenize: {Stopwatch.GetElapsedTime(start).TotalNanoseconds / ids.Length:F0} ns per token");
    }

    private static IEnumerable<(string Name, string Text)> HostileTexts()
    {
        foreach (var unit in new[] { "a", " ", "\n", "ab", "<", "é", "日", "🙂" })
        {
            yield return ($"1M of {(char.IsWhiteSpace(unit[0]) ? $"U+{(int)unit[0]:X4}" : unit)}", string.Concat(Enumerable.Repeat(unit, (1 << 20) / unit.Length)));
        }
    }
}

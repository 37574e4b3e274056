using System.Diagnostics;
using System.Numerics;
using System.Text.Json;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.JsonSchemas;
using Serving.Engine.Grammars.Masks;
using Serving.Engine.Tokenization;

namespace Serving.Benchmarks;

/// <summary>
/// What JSON Schemas cost that answers are held to: compiling one, the mask of a place that nobody has been in before, and the mask of one that somebody has. Answers are walks that take
/// allowed tokens at random, longer ones less often than the bare number of tokens would have it; the last walk goes the way of the first again.
/// </summary>
internal static class ConstraintMode
{
    private const int MaxTokens = 120;
    private const double BudgetMicroseconds = 1000;

    /// <summary>Arguments: a folder with a tokenizer, a folder with schemas (*.json), how many of them.</summary>
    public static void Run(string[] args)
    {
        var tokenizer = Tokenizer.Load(args[0]);
        var start = Stopwatch.GetTimestamp();
        var vocabulary = new TokenVocabulary(tokenizer, tokenizer.VocabularySize, [tokenizer.EosTokenId ?? 0]);
        Console.WriteLine($"vocabulary of {vocabulary.Size} tokens: {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms, once");
        var files = Directory.EnumerateFiles(args[1], "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        var wanted = args.Length > 2 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : files.Length;
        var (compile, first, again) = (new List<double>(), new List<double>(), new List<double>());
        var (refused, states) = (0, new List<double>());
        foreach (var (index, file) in files.Take(wanted).Index())
        {
            if (Compile(file, compile) is not { } grammar)
            {
                refused++;
                continue;
            }

            states.Add(grammar.States);
            var masks = new GrammarMasks(grammar, vocabulary);
            Walk(masks, index, first);
            Walk(masks, index, again);
        }

        Console.WriteLine($"{compile.Count + refused} schemas, {refused} refused");
        Print("states", states, 1, "");
        Print("compile", compile, 1000, "ms");
        Print("mask, new", first, 1, "µs");
        Print("mask, known", again, 1, "µs");
        Console.WriteLine($"masks above {BudgetMicroseconds:F0} µs: {first.Count(time => time > BudgetMicroseconds) * 100.0 / first.Count:F2} % of the new, {again.Count(time => time > BudgetMicroseconds) * 100.0 / again.Count:F2} % of the known");
    }

    private static CompiledGrammar? Compile(string file, List<double> times)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var start = Stopwatch.GetTimestamp();
        try
        {
            var builder = new GrammarBuilder();
            var grammar = CompiledGrammar.Compile(builder.Build(JsonSchemaGrammar.Read(document.RootElement, builder, "schema")));
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            return grammar;
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    private static void Walk(GrammarMasks masks, int seed, List<double> times)
    {
        var random = new Random(seed);
        var matcher = new TokenMatcher(masks);
        var mask = new uint[matcher.MaskWords];
        for (var i = 0; i < MaxTokens && matcher.CanContinue; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var outcome = matcher.Fill(mask);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            if (outcome != MaskOutcome.Filled || Pick(mask, random, masks.Vocabulary) is not { } token || !matcher.Advance(token))
            {
                return;
            }
        }
    }

    // Inside a text of any length the walk would stay for ever: one in four tokens is the one that comes first among those that end something.
    private static int? Pick(uint[] mask, Random random, TokenVocabulary vocabulary)
    {
        var allowed = mask.Sum(static word => (long)BitOperations.PopCount(word));
        var wanted = random.NextInt64(allowed);
        int? last = null;
        for (var word = 0; word < mask.Length; word++)
        {
            for (var bits = mask[word]; bits != 0; bits &= bits - 1)
            {
                var token = (word * 32) + BitOperations.TrailingZeroCount(bits);
                if (vocabulary.Ends.Contains(token))
                {
                    continue;
                }

                if (random.Next(4) == 0 && vocabulary.BytesOf(token, isFirst: false) is [(byte)'"' or (byte)'}' or (byte)']' or (byte)','])
                {
                    return token;
                }

                last = wanted-- == 0 || last is null ? token : last;
                if (wanted < 0 && allowed < 64)
                {
                    return last;
                }
            }
        }

        return last;
    }

    private static void Print(string what, List<double> values, double divisor, string unit)
    {
        values.Sort();
        if (values.Count > 0)
        {
            Console.WriteLine($"{what,-12} p50 {At(0.5):F2}, p90 {At(0.9):F2}, p99 {At(0.99):F2}, largest {values[^1] / divisor:F2}, mean {values.Average() / divisor:F2} {unit}, {values.Count} of them");
        }

        double At(double quantile) => values[(int)(quantile * (values.Count - 1))] / divisor;
    }
}

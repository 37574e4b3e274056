using System.Runtime.InteropServices;
using System.Text;
using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>Makes up a text of a grammar by a random walk over bytes.</summary>
internal static class RandomText
{
    private const int Long = 300;
    private const int TooLong = 3000;

    /// <summary>What ends things: taken first once a text is long.</summary>
    private static readonly byte[] Endings = [.. "\"}]"u8];

    /// <summary>A text; null when the walk has not come to an end.</summary>
    public static string? Make(CompiledGrammar grammar, Random random)
    {
        var steps = new ParseSteps(grammar.Automaton, new ParseStacks());
        List<Configuration> open = [new(Automaton.Start, ParseStacks.Bottom)];
        var waiting = new List<Configuration>();
        var text = new List<byte>();
        while (text.Count < TooLong && steps.Close(CollectionsMarshal.AsSpan(open), waiting, out var ends))
        {
            if (ends && (waiting.Count == 0 || text.Count > Long || random.Next(4) == 0))
            {
                return Encoding.UTF8.GetString([.. text]);
            }

            var value = Choose(steps, waiting, open, text.Count > Long, random);
            steps.Take(waiting, value, open);
            text.Add(value);
        }

        return null;
    }

    private static byte Choose(ParseSteps steps, List<Configuration> waiting, List<Configuration> open, bool isLong, Random random)
    {
        byte[] allowed = [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => IsAllowed(steps, waiting, open, value))];
        byte[] plain = [.. allowed.Where(value => value < 0x80)];
        byte[] endings = isLong || random.Next(8) == 0 ? [.. Endings.Where(allowed.Contains)] : [];
        var from = endings.Length > 0 ? endings : plain.Length > 0 && random.Next(20) > 0 ? plain : allowed;
        return from[random.Next(from.Length)];
    }

    private static bool IsAllowed(ParseSteps steps, List<Configuration> waiting, List<Configuration> open, byte value)
    {
        steps.Take(waiting, value, open);
        return open.Count > 0;
    }
}

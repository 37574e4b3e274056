using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Arrivals;

/// <summary>Prompts that begin as others do: fixed prefixes, whatever the tenant and the adapter, and continuations of earlier answers.</summary>
internal sealed class PromptLibrary
{
    private const int Prefixes = 6;
    private const int Remembered = 8;
    private const int Heads = 3;
    private const double OtherHead = 0.2;

    private readonly SwarmSettings _settings;
    private readonly Prng _random;
    private readonly int[][] _prefixes = new int[Prefixes][];
    private readonly int[][] _heads = new int[Heads][];
    private readonly int[][] _answers = new int[Remembered][];
    private int _answerCount;

    /// <summary>A library of its own for a run.</summary>
    public PromptLibrary(SwarmSettings settings, Prng random)
    {
        _settings = settings;
        _random = random;
        var prefixes = new Prng(settings.Seed, Streams.Prefixes);
        for (var index = 0; index < Prefixes; index++)
        {
            _prefixes[index] = Tokens(prefixes, prefixes.Between(1, settings.PromptTokens));
        }

        for (var index = 0; index < Heads; index++)
        {
            _heads[index] = Tokens(prefixes, FakePages.Slots);
        }
    }

    /// <summary>A prompt.</summary>
    public int[] Next()
    {
        var length = _random.Spread(1, _settings.PromptTokens);
        if (_answerCount > 0 && _random.Chance(_settings.Continuation))
        {
            return Join(_answers[_random.Below(Math.Min(_answerCount, Remembered))], _random.Between(0, 8));
        }

        if (!_random.Chance(_settings.SharedPrefix))
        {
            return Tokens(_random, length);
        }

        var prompt = Join(_prefixes[_random.Below(Prefixes)], _random.Below(length));
        return _random.Chance(OtherHead) ? WithOtherHead(prompt) : prompt;
    }

    // A page of other tokens before the same ones: equal pages whose parents differ.
    private int[] WithOtherHead(int[] prompt)
    {
        int[] longer = [.. _heads[_random.Below(Heads)], .. prompt];
        return longer[..Math.Min(longer.Length, _settings.PromptTokens)];
    }

    /// <summary>Remembers a prompt with what the oracle answers to it, as a next turn of a conversation would.</summary>
    public void Remember(SimRequest request, Func<OracleSequence> oracle)
    {
        if (!_random.Chance(0.1))
        {
            return;
        }

        var tokens = new List<int>(request.Request.Prompt);
        var answer = oracle();
        while (answer.Next.Reported)
        {
            tokens.Add(answer.Next.Token);
            if (answer.Next.End is not null)
            {
                break;
            }

            answer.Advance();
        }

        _answers[_answerCount++ % Remembered] = [.. tokens];
    }

    private int[] Join(int[] start, int more)
    {
        var cut = _random.Chance(0.7) ? start.Length : _random.Between(1, start.Length);
        var tokens = new int[Math.Min(cut + more, _settings.PromptTokens)];
        start.AsSpan(0, Math.Min(cut, tokens.Length)).CopyTo(tokens);
        for (var index = cut; index < tokens.Length; index++)
        {
            tokens[index] = _random.Below(_settings.Vocabulary);
        }

        return tokens;
    }

    private int[] Tokens(Prng random, int count)
    {
        var tokens = new int[count];
        for (var index = 0; index < count; index++)
        {
            tokens[index] = random.Below(_settings.Vocabulary);
        }

        return tokens;
    }
}

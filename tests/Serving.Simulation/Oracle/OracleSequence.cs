using Serving.Core.Requests;
using Serving.Simulation.Model;
using Serving.Simulation.Modules;

namespace Serving.Simulation.Oracle;

/// <summary>The naive answer of one choice: the fake model applied to the request alone, with no pages, no batch and no cache.</summary>
internal sealed class OracleSequence
{
    private readonly Request _request;
    private readonly int _choice;
    private readonly int _vocabulary;
    private readonly int _maxModelLength;
    private readonly int _stopStringAt;
    private readonly ulong _adapter;
    private ulong _state = TokenRule.Start;
    private readonly int _firstOutput;
    private ulong _counts;
    private readonly bool _remembers;
    private ulong _recurrent = TokenRule.Blank;
    private int _count;

    /// <summary>The answer of <paramref name="choice"/>; a stop string is complete at output <paramref name="stopStringAt"/> (−1: never); whether the model has a recurrent state.</summary>
    public OracleSequence(Request request, int choice, int stopStringAt, int vocabulary, int maxModelLength, bool remembers)
    {
        _remembers = remembers;
        _request = request;
        _choice = choice;
        _stopStringAt = stopStringAt;
        _vocabulary = vocabulary;
        _maxModelLength = maxModelLength;
        _adapter = request.Adapter is { } adapter ? Fingerprint.Of(adapter.Digest) : 0;
        foreach (var import in request.Imports)
        {
            _state = ModuleContents.Read(_state, import);
            _count += import.Tokens.Count;
        }

        _firstOutput = request.FirstOutputPosition;
        while (_count < request.Prompt.Count)
        {
            Append(request.Prompt[_count]);
        }

        Next = Compute();
    }

    /// <summary>What must happen next.</summary>
    public Expected Next { get; private set; }

    /// <summary>What the model has made of the tokens so far.</summary>
    public ulong State => _remembers ? TokenRule.See(_state, _recurrent) : _state;

    /// <summary>Tokens of the answer so far.</summary>
    public int OutputCount => _count - _request.Prompt.Count;

    /// <summary>Goes on after a token that did not end the sequence.</summary>
    public void Advance()
    {
        _counts += _request.Sampling.HasPenalties ? TokenRule.Count(Next.Token) : 0;
        Append(Next.Token);
        Next = Compute();
    }

    /// <summary>The position of a token of a request.</summary>
    public static int PositionOf(Request request, int ordinal, int firstOutput)
    {
        var prompt = request.Prompt.Count;
        return ordinal >= prompt ? firstOutput + ordinal - prompt : request.Positions is { } positions ? positions[ordinal] : ordinal;
    }

    /// <summary>The same answer at the same place, to look ahead in.</summary>
    public OracleSequence Fork() => (OracleSequence)MemberwiseClone();

    private Expected Compute()
    {
        var index = OutputCount;
        if (_request.Sampling.MaxTokens == 0)
        {
            return new Expected(-1, false, false, FinishReason.Length);
        }

        var token = TokenRule.Sample(State, _adapter, _counts, _request.Sampling.Seed, _choice, index, _vocabulary);
        if (Contains(_request.Sampling.StopTokenIds, token))
        {
            return new Expected(token, false, false, FinishReason.Stop);
        }

        if (index == _stopStringAt)
        {
            return new Expected(token, true, true, FinishReason.Stop);
        }

        var last = index + 1 == _request.Sampling.MaxTokens || _firstOutput + index + 1 >= _maxModelLength;
        return new Expected(token, true, false, last ? FinishReason.Length : null);
    }

    private void Append(int token)
    {
        var content = TokenRule.Content(_state, token, PositionOf(_request, _count, _firstOutput));
        content = _remembers ? TokenRule.Content(content, _recurrent) : content;
        _state = TokenRule.Read(_state, content);
        _recurrent = TokenRule.Remember(_recurrent, content);
        _count++;
    }

    private static bool Contains(IReadOnlyList<int> tokens, int token)
    {
        for (var index = 0; index < tokens.Count; index++)
        {
            if (tokens[index] == token)
            {
                return true;
            }
        }

        return false;
    }
}

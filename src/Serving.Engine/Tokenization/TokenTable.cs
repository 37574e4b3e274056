using System.Text;
using Serving.Engine.Tokenization.AddedTokens;
using Serving.Engine.Tokenization.Decoders;

namespace Serving.Engine.Tokenization;

/// <summary>Every token by id: its text as the vocabulary writes it, the raw bytes it stands for, whether it is special.</summary>
internal sealed class TokenTable
{
    private readonly string?[] _tokens;
    private readonly int[] _offsets;
    private readonly byte[] _bytes;
    private readonly HashSet<int> _special;

    public TokenTable(IReadOnlyDictionary<string, int> vocabulary, IEnumerable<AddedToken> added, IReadOnlyList<TokenDecoder> decoders)
    {
        var tokens = vocabulary.Select(entry => (Token: entry.Key, Id: entry.Value))
            .Concat(added.Select(token => (Token: token.Content, token.Id)))
            .ToList();
        _tokens = new string?[tokens.Count == 0 ? 0 : tokens.Max(entry => entry.Id) + 1];
        foreach (var (token, id) in tokens)
        {
            _tokens[id] = token;
        }

        _special = [.. added.Where(token => token.Special).Select(token => token.Id)];
        _offsets = new int[_tokens.Length + 1];
        var bytes = new List<byte>(_tokens.Length * 6);
        for (var id = 0; id < _tokens.Length; id++)
        {
            if (_tokens[id] is { } token)
            {
                bytes.AddRange(BytesOf(token, decoders));
            }

            _offsets[id + 1] = bytes.Count;
        }

        _bytes = [.. bytes];
    }

    /// <summary>One more than the highest id.</summary>
    public int Count => _tokens.Length;

    /// <summary>The token as the vocabulary writes it; null where there is none.</summary>
    public string? Token(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>The raw bytes; none where there is no token.</summary>
    public ReadOnlySpan<byte> Bytes(int id) =>
        (uint)id < (uint)_tokens.Length ? _bytes.AsSpan(_offsets[id], _offsets[id + 1] - _offsets[id]) : [];

    public bool IsSpecial(int id) => _special.Contains(id);

    private static byte[] BytesOf(string token, IReadOnlyList<TokenDecoder> decoders)
    {
        foreach (var decoder in decoders)
        {
            if (decoder.RawBytes(token) is { } raw)
            {
                return raw;
            }

            token = decoder.Rewrite(token);
        }

        return Encoding.UTF8.GetBytes(token);
    }
}

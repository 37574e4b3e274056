using System.Text;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>The model's tokens by text and, for the first symbols of a word, by character.</summary>
internal sealed class BpeVocabulary
{
    private const int NoToken = -1;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly Dictionary<int, int> _astral = [];
    private readonly int[] _basic = new int[char.MaxValue + 1];
    private readonly int[] _bytes = new int[256];

    public BpeVocabulary(Dictionary<string, int> ids)
    {
        _ids = ids;
        _bySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Array.Fill(_basic, NoToken);
        foreach (var (token, id) in ids)
        {
            if (token.Length == 1)
            {
                _basic[token[0]] = id;
            }
            else if (token.Length == 2 && Rune.TryCreate(token[0], token[1], out var rune))
            {
                _astral[rune.Value] = id;
            }
        }

        for (var value = 0; value < 256; value++)
        {
            _bytes[value] = ids.GetValueOrDefault($"<0x{value:X2}>", NoToken);
        }
    }

    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>The id of a token, or -1.</summary>
    public int Find(ReadOnlySpan<char> token) => _bySpan.TryGetValue(token, out var id) ? id : NoToken;

    /// <summary>The id of a one-character token, or -1.</summary>
    public int Find(Rune character) => character.IsBmp ? _basic[character.Value] : _astral.GetValueOrDefault(character.Value, NoToken);

    /// <summary>The id of the token that stands for a raw byte, as in <c>&lt;0x0A&gt;</c>, or -1.</summary>
    public int FindByte(byte value) => _bytes[value];
}

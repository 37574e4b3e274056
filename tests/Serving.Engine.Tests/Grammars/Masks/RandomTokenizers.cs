using System.Text.Json;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Tests.Grammars.Masks;

/// <summary>Tokenizers whose first token, 0, is special and whose others are words, halves of characters among them; some leave out a space at the beginning.</summary>
internal static class RandomTokenizers
{
    private static readonly string[] Pieces = ["a", "b", "c", " ", "ab", "ba", "aab", " a", " b", "  ", "\u00e9", "a\u00e9", "bb", "abab", "c a", " \u00e9b"];

    /// <summary>A tokenizer with some of the words.</summary>
    public static Tokenizer Next(Random random) => Of([.. Pieces.Where(_ => random.Next(3) > 0)], dropsFirstSpace: random.Next(2) == 0);

    /// <summary>A tokenizer with a token for each letter, from 1.</summary>
    public static Tokenizer Letters(string letters) => Of([.. letters.Select(letter => letter.ToString())]);

    /// <summary>A tokenizer with these tokens, from 1, and the two bytes of an e with an acute accent behind them.</summary>
    public static Tokenizer Of(string[] tokens, bool dropsFirstSpace = false)
    {
        string[] all = [.. tokens.Select(token => token.Replace(' ', '\u2581')), "<0xC3>", "<0xA9>"];
        var vocabulary = string.Join(',', all.Select((token, i) => $"{JsonSerializer.Serialize(token)}:{i + 1}").Prepend("\"<end>\":0"));
        var strip = dropsFirstSpace ? """,{"type":"Strip","content":" ","start":1,"stop":0}""" : "";
        return Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes($$$"""
            {"version":"1.0","added_tokens":[{"id":0,"content":"<end>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
             "normalizer":{"type":"Replace","pattern":{"String":" "},"content":"\u2581"},"pre_tokenizer":null,"post_processor":null,
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}{{{strip}}}]},
             "model":{"type":"BPE","dropout":null,"unk_token":null,"byte_fallback":true,"fuse_unk":false,"vocab":{ {{{vocabulary}}} },"merges":[]}}
            """));
    }
}

namespace Serving.Engine.Tokenization.Text;

/// <summary>
/// The alphabet that byte-level tokenizers write bytes in (GPT-2's <c>bytes_to_unicode</c>): printable Latin-1 characters stand for
/// their own byte, the other 68 bytes take U+0100 onwards in ascending order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Chars = BuildChars();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The character that stands for a byte.</summary>
    public static char CharOf(byte value) => Chars[value];

    /// <summary>The byte that a character stands for; -1 when it is not of the alphabet.</summary>
    public static int ByteOf(char value) => value < Bytes.Length ? Bytes[value] : -1;

    private static char[] BuildChars()
    {
        var chars = new char[256];
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
            chars[value] = (char)(printable ? value : next++);
        }

        return chars;
    }

    private static short[] BuildBytes()
    {
        var bytes = new short[256 + 68];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
        {
            bytes[Chars[value]] = (short)value;
        }

        return bytes;
    }
}

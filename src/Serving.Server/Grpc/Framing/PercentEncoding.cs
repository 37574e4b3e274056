using System.Text;

namespace Serving.Server.Grpc.Framing;

/// <summary>Writes a message as <c>grpc-message</c> wants it: UTF-8, everything but printable ASCII, and the percent sign, as %XX.</summary>
internal static class PercentEncoding
{
    /// <summary>Most characters of a message that are sent: a trailer is a header, and clients bound those.</summary>
    public const int MaxLength = 1024;

    /// <summary>Encodes a message, cut to <see cref="MaxLength"/>.</summary>
    public static string Encode(string message)
    {
        if (message.Length > MaxLength)
        {
            // Not between the halves of a character.
            message = message[..(char.IsHighSurrogate(message[MaxLength - 1]) ? MaxLength - 1 : MaxLength)];
        }

        if (message.All(character => character is >= ' ' and <= '~' and not '%'))
        {
            return message;
        }

        var encoded = new StringBuilder(message.Length * 2);
        foreach (var value in Encoding.UTF8.GetBytes(message))
        {
            _ = value is >= (byte)' ' and <= (byte)'~' and not (byte)'%' ? encoded.Append((char)value) : encoded.Append('%').Append(value.ToString("X2", null));
        }

        return encoded.ToString();
    }
}

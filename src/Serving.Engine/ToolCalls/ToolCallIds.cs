using System.Globalization;
using System.Security.Cryptography;

namespace Serving.Engine.ToolCalls;

/// <summary>Draws the ids of calls: the one thing of an answer, beside its own id, that its request does not determine.</summary>
public static class ToolCallIds
{
    /// <summary>Characters of a short id.</summary>
    public const int ShortLength = 9;

    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>An id with the function's name and the call's number in it.</summary>
    public static string Named(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{NamedCallReader.IdPrefix}{name}:{number}");

    /// <summary>An id that a format's templates take: "call_" and 24 characters, or nine.</summary>
    public static string New(ToolCallFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        return format.HasShortIds ? RandomNumberGenerator.GetString(Alphabet, ShortLength) : "call_" + RandomNumberGenerator.GetString(Alphabet, 24);
    }
}

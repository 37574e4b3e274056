using System.Globalization;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>C's <c>strftime</c> in the C locale, as Python hands it a local time without zone.</summary>
internal static class Strftime
{
    public static void Write(BudgetedText text, string format, DateTimeOffset now)
    {
        for (var at = 0; at < format.Length; at++)
        {
            if (format[at] != '%' || at + 1 == format.Length)
            {
                text.Append(format[at]);
                continue;
            }

            var plain = format[at + 1] == '-' && at + 2 < format.Length;
            at += plain ? 2 : 1;
            var field = Field(format[at], now);
            text.Append(field is null ? (plain ? "%-" : "%") + format[at] : plain ? Unpadded(field) : field);
        }
    }

    private static string Unpadded(string field) => field.TrimStart('0', ' ') is { Length: > 0 } digits ? digits : "0";

    private static string? Field(char letter, DateTimeOffset now) => letter switch
    {
        'a' => Text(now, "ddd"),
        'A' => Text(now, "dddd"),
        'b' or 'h' => Text(now, "MMM"),
        'B' => Text(now, "MMMM"),
        'd' => Text(now, "dd"),
        'e' => Number(now.Day, 2, ' '),
        'H' => Text(now, "HH"),
        'k' => Number(now.Hour, 2, ' '),
        'I' => Text(now, "hh"),
        'l' => Number(((now.Hour + 11) % 12) + 1, 2, ' '),
        'j' => Number(now.DayOfYear, 3),
        'm' => Text(now, "MM"),
        'M' => Text(now, "mm"),
        'p' => Text(now, "tt"),
        'P' => Text(now, "tt").ToLowerInvariant(),
        'S' => Text(now, "ss"),
        'f' => Text(now, "ffffff"),
        's' => now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        'y' => Text(now, "yy"),
        'Y' => now.Year.ToString(CultureInfo.InvariantCulture),
        'C' => Number(now.Year / 100, 2),
        'u' => Number(Weekday(now), 1),
        'w' => Number((int)now.DayOfWeek, 1),
        'U' => Number((now.DayOfYear + 6 - (int)now.DayOfWeek) / 7, 2),
        'W' => Number((now.DayOfYear + 7 - Weekday(now)) / 7, 2),
        'V' => Number(ISOWeek.GetWeekOfYear(now.DateTime), 2),
        'G' => ISOWeek.GetYear(now.DateTime).ToString(CultureInfo.InvariantCulture),
        'g' => Number(ISOWeek.GetYear(now.DateTime) % 100, 2),
        'D' or 'x' => Text(now, "MM'/'dd'/'yy"),
        'F' => Text(now, "yyyy'-'MM'-'dd"),
        'T' or 'X' => Text(now, "HH':'mm':'ss"),
        'R' => Text(now, "HH':'mm"),
        'r' => Text(now, "hh':'mm':'ss tt"),
        'c' => $"{Text(now, "ddd MMM")} {Number(now.Day, 2, ' ')} {Text(now, "HH':'mm':'ss yyyy")}",
        'n' => "\n",
        't' => "\t",
        'z' or 'Z' => string.Empty,
        '%' => "%",
        _ => null,
    };

    private static int Weekday(DateTimeOffset now) => now.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)now.DayOfWeek;

    private static string Text(DateTimeOffset now, string format) => now.ToString(format, CultureInfo.InvariantCulture);

    private static string Number(int number, int width, char pad = '0') => number.ToString(CultureInfo.InvariantCulture).PadLeft(width, pad);
}

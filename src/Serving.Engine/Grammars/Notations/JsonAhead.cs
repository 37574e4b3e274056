using System.Text;
using System.Text.Json;

namespace Serving.Engine.Grammars.Notations;

/// <summary>A JSON value in the middle of another text.</summary>
internal static class JsonAhead
{
    /// <summary>Passes the value that begins here; null where there is none.</summary>
    public static JsonElement? Take(NotationCursor cursor)
    {
        var bytes = Encoding.UTF8.GetBytes(cursor.Behind.ToString());
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = NotationLimits.Depth });
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out var document))
            {
                return null;
            }

            using (document)
            {
                cursor.Return(cursor.At + Encoding.UTF8.GetCharCount(bytes, 0, (int)reader.BytesConsumed));
                return document.RootElement.Clone();
            }
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

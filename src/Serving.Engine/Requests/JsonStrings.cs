using System.Text.Json;

namespace Serving.Engine.Requests;

/// <summary>Finds strings that are valid JSON but not text: escapes of unpaired surrogates.</summary>
public static class JsonStrings
{
    /// <summary>Whether every string and property name below an element is text.</summary>
    public static bool AreText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return IsText(element.GetString);
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    if (!AreText(item))
                    {
                        return false;
                    }
                }

                return true;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    if (!IsText(() => property.Name) || !AreText(property.Value))
                    {
                        return false;
                    }
                }

                return true;
            default:
                return true;
        }
    }

    private static bool IsText(Func<string?> read)
    {
        try
        {
            _ = read();
            return true;
        }
        catch (InvalidOperationException)
        {
            // The reader's way to say that an escaped surrogate has no partner.
            return false;
        }
    }
}

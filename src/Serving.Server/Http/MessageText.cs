using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Reads what may be a text or a list of text blocks, and a text block. Strings have been looked through for halves of characters.</summary>
internal static class MessageText
{
    /// <summary>Reads a text or a list of text blocks, joined line by line.</summary>
    public static (string? Text, RequestFailure? Failure) Read(JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return (content.GetString(), null);
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            return (null, ConstraintFields.Invalid(field, "is a string or a list of text blocks."));
        }

        var texts = new List<string>();
        foreach (var block in content.EnumerateArray())
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{field}[{texts.Count}]");
            if (block.ValueKind != JsonValueKind.Object || Property(block, "type") is not { } type)
            {
                return (null, ConstraintFields.Invalid(place + ".type", "a block is an object with a type."));
            }

            if (type != "text")
            {
                return (null, new RequestFailure(RequestError.NotSupported, $"{place}.type: a block of type {JsonBody.Echo(type)} is not supported here; text is.", place + ".type"));
            }

            var (text, failure) = OfBlock(block, place);
            if (text is null)
            {
                return (null, failure);
            }

            texts.Add(text);
        }

        return (string.Join('\n', texts), null);
    }

    /// <summary>Reads a text block.</summary>
    public static (string? Text, RequestFailure? Failure) OfBlock(JsonElement block, string field)
    {
        if (Property(block, "text") is not { } text)
        {
            return (null, ConstraintFields.Invalid(field + ".text", "is a string."));
        }

        return block.TryGetProperty("citations", out var citations) && citations.ValueKind == JsonValueKind.Array && citations.GetArrayLength() > 0
            ? (null, KnownFields.NotSupported(field + ".citations", citations))
            : (text, null);
    }

    /// <summary>The failure of a property that is there and not done.</summary>
    public static RequestFailure? Refuse(JsonElement element, string name, string field) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? KnownFields.NotSupported($"{field}.{name}", value) : null;

    /// <summary>A property that is a string; null where it is not there or something else.</summary>
    public static string? Property(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

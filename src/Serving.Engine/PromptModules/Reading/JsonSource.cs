using System.Text.Json;
using Serving.Engine.Models;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>
/// JSON under a reader that knows lines and columns. Values are read in the order of the source; an object's fields are looked at first, and the one that holds other
/// elements afterwards, from a copy of the reader (looking costs depth × size at most).
/// </summary>
/// <param name="utf8">The source.</param>
internal sealed class JsonSource(ReadOnlyMemory<byte> utf8)
{
    private int _countedTo;
    private int _line = 1;
    private int _lineStart;

    /// <summary>A reader at the source's start.</summary>
    public Utf8JsonReader Open(int maxDepth) => new(utf8.Span, new JsonReaderOptions { MaxDepth = maxDepth });

    /// <summary>Where a reader stands.</summary>
    public SourcePosition At(in Utf8JsonReader reader) => At((int)reader.TokenStartIndex);

    /// <summary>Goes on by one token.</summary>
    public void Read(ref Utf8JsonReader reader)
    {
        try
        {
            reader.Read();
        }
        catch (JsonException exception)
        {
            throw Malformed(exception);
        }
    }

    /// <summary>Goes to the end of the value under the reader.</summary>
    public void Skip(ref Utf8JsonReader reader)
    {
        try
        {
            reader.Skip();
        }
        catch (JsonException exception)
        {
            throw Malformed(exception);
        }
    }

    /// <summary>The string under the reader.</summary>
    public string Text(ref Utf8JsonReader reader, string what)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new PromptSchemaException($"{what} is a string", At(reader));
        }

        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new PromptSchemaException($"{what} holds half a character", At(reader));
        }
    }

    /// <summary>The name of the field under the reader.</summary>
    public string Field(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new PromptSchemaException("a field's name holds half a character", At(reader));
        }
    }

    /// <summary>A field that has no place here.</summary>
    public PromptSchemaException Unknown(ref Utf8JsonReader reader, string field) =>
        new($"the field {MalformedFileException.Quote(field)} is not known here", At(reader));

    private static PromptSchemaException Malformed(JsonException exception) =>
        new("not valid JSON", new SourcePosition((int)(exception.LineNumber ?? 0) + 1, (int)(exception.BytePositionInLine ?? 0) + 1));

    // Lines are counted once, as long as the reader goes forward. Columns are UTF-16 units.
    private SourcePosition At(int index)
    {
        if (index < _countedTo)
        {
            (_countedTo, _line, _lineStart) = (0, 1, 0);
        }

        var passed = utf8.Span[_countedTo..index];
        _line += passed.Count((byte)'\n');
        var last = passed.LastIndexOf((byte)'\n');
        _lineStart = last < 0 ? _lineStart : _countedTo + last + 1;
        _countedTo = index;
        return new SourcePosition(_line, System.Text.Encoding.UTF8.GetCharCount(utf8.Span[_lineStart..index]) + 1);
    }
}

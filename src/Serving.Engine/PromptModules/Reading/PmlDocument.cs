using System.Globalization;
using System.Xml;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Reading;

/// <summary>
/// XML of PML, piece by piece: no document types, no entities but XML's own five, nothing fetched, so many characters and no deeper than schemas are. What is not
/// well formed is a <see cref="PromptSchemaException"/> like everything else that is wrong.
/// </summary>
internal sealed class PmlDocument : IDisposable
{
    private const int MaxReason = 200;
    private readonly XmlReader _reader;

    /// <summary>Opens a source.</summary>
    public PmlDocument(string source, int maxCharacters)
    {
        if (source.Length > maxCharacters)
        {
            throw new PromptSchemaException($"more than {maxCharacters} characters", default);
        }

        _reader = XmlReader.Create(new StringReader(source), new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = maxCharacters,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        });
    }

    /// <summary>Where the reader stands.</summary>
    public SourcePosition At => _reader is IXmlLineInfo info ? new SourcePosition(info.LineNumber, info.LinePosition) : default;

    /// <summary>What the reader stands on.</summary>
    public XmlNodeType Kind => _reader.NodeType;

    /// <summary>The element's name.</summary>
    public string Name => _reader.Name;

    /// <summary>Whether the element ends where it begins.</summary>
    public bool IsEmpty => _reader.IsEmptyElement;

    /// <summary>Elements around the reader's place.</summary>
    public int Depth => _reader.Depth;

    /// <summary>The element's attributes, xml:space left out.</summary>
    public Dictionary<string, string> Attributes()
    {
        var attributes = new Dictionary<string, string>();
        for (var more = _reader.MoveToFirstAttribute(); more; more = _reader.MoveToNextAttribute())
        {
            if (_reader.Name != "xml:space")
            {
                attributes[_reader.Name] = _reader.Value;
            }
        }

        _reader.MoveToElement();
        return attributes;
    }

    /// <summary>Goes to the next piece.</summary>
    /// <returns>False at the end.</returns>
    public bool Read() => Parsed(_reader.Read);

    /// <summary>Goes to the outermost element.</summary>
    public void ReadRoot(string name)
    {
        while (Read() && Kind != XmlNodeType.Element)
        {
        }

        if (Kind != XmlNodeType.Element || Name != name)
        {
            throw Wrong($"the outermost element is <{name}>");
        }
    }

    /// <summary>
    /// The text under the reader: CDATA and text below xml:space="preserve" as they are; of other text that which is blank is nothing, and white space at an edge
    /// is one space. Null when the reader does not stand on text.
    /// </summary>
    public string? Text() => Kind switch
    {
        XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace => Parsed(() => _reader.Value),
        XmlNodeType.Text => Parsed(() => _reader.XmlSpace == XmlSpace.Preserve ? _reader.Value : Compact(_reader.Value)),
        XmlNodeType.Whitespace => "",
        _ => null,
    };

    /// <summary>An element that has no place here.</summary>
    public PromptSchemaException Unknown(string expected) => Wrong($"<{Cut(Name)}> is not known here; {expected}");

    /// <summary>Something wrong at the reader's place.</summary>
    public PromptSchemaException Wrong(string reason) => new(reason, At);

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();

    /// <summary>A whole number from an attribute; -1 for what is none.</summary>
    public static int Number(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    private static string Compact(string text)
    {
        var inner = text.AsSpan().Trim();
        return inner.IsEmpty ? "" : string.Concat(char.IsWhiteSpace(text[0]) ? " " : "", inner, char.IsWhiteSpace(text[^1]) ? " " : "");
    }

    // The reader parses a long text no further than it has to, so that its value can be what is wrong.
    private T Parsed<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (XmlException exception)
        {
            throw new PromptSchemaException(Reason(exception), new SourcePosition(Math.Max(1, exception.LineNumber), Math.Max(1, exception.LinePosition)));
        }
    }

    // The reader ends its sentences with the place, which is said already, and a full stop, which the message gets.
    private static string Reason(XmlException exception)
    {
        var end = exception.Message.LastIndexOf(" Line ", StringComparison.Ordinal);
        return Cut((end < 0 ? exception.Message : exception.Message[..end]).TrimEnd('.'));
    }

    private static string Cut(string text) => MalformedFileException.Quote(text.Length <= MaxReason ? text : text[..MaxReason])[1..^1];
}
